"""GDB commands for the kernel: regs, pt VA, threads, vmo [KOID], user PROG, console CMD.

make debug loads this file. `help regs` and so on describe each command.

The kernel is identity mapped, so physical memory reads as itself whichever
process runs. The stub of QEMU gives the control registers.
"""

import os
import struct

import gdb

PRESENT, WRITE, USER, ACCESSED, DIRTY, LARGE, NO_EXECUTE = 1, 2, 4, 32, 64, 128, 1 << 63
ADDRESS = 0xFFFFFFFFFF000

THREAD_STATES = {
    0x0000: "NEW", 0x0001: "RUNNING", 0x0002: "SUSPENDED", 0x0003: "BLOCKED", 0x0004: "DYING",
    0x0005: "DEAD", 0x0103: "BLOCKED_EXCEPTION", 0x0203: "BLOCKED_SLEEPING",
    0x0303: "BLOCKED_FUTEX", 0x0403: "BLOCKED_PORT", 0x0503: "BLOCKED_CHANNEL",
    0x0603: "BLOCKED_WAIT_ONE", 0x0703: "BLOCKED_WAIT_MANY", 0x0903: "BLOCKED_PAGER",
}


def register(name):
    """The value of a register as an unsigned number."""
    return int(gdb.parse_and_eval("$" + name)) & (1 << 64) - 1


def read64(address):
    """The 8 bytes at an address."""
    return int.from_bytes(gdb.selected_inferior().read_memory(address, 8).tobytes(), "little")


def text(value):
    """A Go string."""
    length = int(value["len"])
    return gdb.selected_inferior().read_memory(int(value["str"]), length).tobytes().decode() if length else ""


def name_of(task):
    """The name of a process or thread, which may change while it lives."""
    memory = gdb.selected_inferior()
    at, length = struct.unpack("<QQ", memory.read_memory(int(task["label"]["p"]["v"]), 16).tobytes())  # a Go string
    return memory.read_memory(at, length).tobytes().decode(errors="replace") if length else ""


def elements(slice_value):
    """The elements of a Go slice."""
    return [slice_value["array"][i] for i in range(int(slice_value["len"]))]


def owners(tree):
    """What the nodes of an avl.Tree lie in, in the order of their keys."""
    def below(node):
        if int(node) != 0:
            yield from below(node["left"])
            yield node["owner"].dereference()
            yield from below(node["right"])
    yield from below(tree["root"])


def processes(job):
    """The processes of a job and of the jobs below it."""
    yield from owners(job["processes"])
    for below in owners(job["jobs"]):
        yield from processes(below)


def kernel():
    """The kernel: cpu holds it, as the receiver of the report it calls on a trap."""
    # A method value is a pointer to {code, receiver}.
    handler = read64(int(gdb.parse_and_eval("&'faultline/cpu.onFatal'")))
    # Until the kernel is there, the board's function is.
    if handler == 0 or "(*Kernel)" not in gdb.execute("info symbol %#x" % read64(handler), to_string=True):
        raise gdb.GdbError("the kernel has not booted yet: continue, and stop it with Ctrl-C or a breakpoint")
    return gdb.Value(read64(handler + 8)).cast(gdb.lookup_type("faultline/kernel.Kernel").pointer()).dereference()


class Regs(gdb.Command):
    """regs: the CPU's registers, control registers and segment bases, and the
next instruction. CS tells the ring."""

    def __init__(self):
        super().__init__("regs", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        r = register
        print("RIP %016x  RFLAGS %08x  CS %04x (ring %d)  SS %04x" % (r("rip"), r("eflags"), r("cs"), r("cs") & 3, r("ss")))
        rows = [("rax", "rbx", "rcx", "rdx"), ("rsi", "rdi", "rbp", "rsp"), ("r8", "r9", "r10", "r11"),
                ("r12", "r13", "r14", "r15"), ("cr0", "cr2", "cr3", "cr4"), ("fs_base", "gs_base", "k_gs_base", "efer")]
        for row in rows:
            print("  ".join("%-9s %016x" % (name.upper(), r(name)) for name in row))
        gdb.execute("x/i $rip")


class PageTable(gdb.Command):
    """pt VA: the page-table chain of an address in the address space that CR3
holds now, from the PML4 down, flags under the SDM's names."""

    def __init__(self):
        super().__init__("pt", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        if not argument:
            raise gdb.GdbError("usage: pt VA")
        va = int(gdb.parse_and_eval(argument)) & (1 << 64) - 1
        table = register("cr3") & ADDRESS
        for level, name in ((3, "PML4E"), (2, "PDPTE"), (1, "PDE"), (0, "PTE")):
            index = va >> 12 + 9 * level & 511
            entry = read64(table + 8 * index)
            flags = [word for bit, word in ((PRESENT, "P"), (WRITE, "RW"), (USER, "US"), (ACCESSED, "A"), (DIRTY, "D"),
                                            (LARGE if level else 0, "PS"), (NO_EXECUTE, "XD")) if entry & bit]
            print("%-5s [%3d] at %#012x = %#018x  %s" % (name, index, table + 8 * index, entry, " ".join(flags) or "-"))
            if not entry & PRESENT or level and entry & LARGE:
                return
            table = entry & ADDRESS


class Threads(gdb.Command):
    """threads: every ring-3 thread: process, name, state, faults taken, and where
it is in ring 3."""

    def __init__(self):
        super().__init__("threads", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        print("%7s %-12s %7s %-12s %-18s %8s %s" % ("process", "name", "thread", "name", "state", "faults", "RIP"))
        for process in processes(kernel()["rootJob"].dereference()):
            for thread in owners(process["threads"]):
                state = int(thread["state"]["v"])
                print("%7d %-12s %7d %-12s %-18s %8d %#x" % (
                    int(process["Base"]["koid"]), name_of(process), int(thread["Base"]["koid"]), name_of(thread),
                    THREAD_STATES.get(state, hex(state)), int(thread["faults"]["v"]), int(thread["regs"]["rip"])))


class Vmo(gdb.Command):
    """vmo [KOID]: every VMO: koid, size, resident pages, references, mappings; or
all fields of one."""

    def __init__(self):
        super().__init__("vmo", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        things = [block["thing"] for block in elements(kernel()["Store"]["stock"]["vmos"]["blocks"])]
        vmos = [t[i] for t in things for i in range(t.type.range()[1] + 1)]
        if argument:
            koid = int(gdb.parse_and_eval(argument))
            found = [v for v in vmos if int(v) != 0 and int(v["koid"]) == koid]
            if not found:
                raise gdb.GdbError("no VMO %d" % koid)
            print(found[0].dereference())
            return
        print("%6s %16s %16s %8s %4s %8s %s" % ("koid", "size", "stream", "pages", "refs", "mappings", "kind"))
        for v in vmos:
            if int(v) != 0:
                node = v["cow"]
                gdb.set_convenience_variable("vmo", int(v["koid"]))
                kind = "slice" if v["isSlice"] else "clone" if v["clone"] else "paged" if node["paged"] else "anonymous"
                print("%6d %#16x %#16x %8d %4d %8d %s%s" % (
                    int(v["koid"]), int(node["size"]), int(node["stream"]), int(node["pages"]), int(v["refs"]["v"]),
                    int(v["mapped"]), kind, ", traps dirty" if node["traps"] else ""))


class User(gdb.Command):
    """user PROG [FILE]: load the symbols of a ring-3 program, of the image (user/bin) or
in FILE, in place of those of another one, which lies at the same addresses: breakpoints and
backtraces in it work while one of its threads runs, ubt always."""

    loaded = None

    def __init__(self):
        super().__init__("user", gdb.COMMAND_FILES)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if len(words) not in (1, 2):
            raise gdb.GdbError("usage: user PROG [FILE]")
        path = words[-1] if len(words) == 2 else "user/bin/" + words[0]
        try:
            with open(path, "rb") as f:
                header = f.read(20)
        except OSError as e:
            raise gdb.GdbError(str(e))
        if header[:4] != b"\x7fELF":
            raise gdb.GdbError(path + " is not an ELF file")
        shared = header[16] == 3  # position-independent: loaded where kernel/loader.go says
        if self.loaded:
            gdb.execute("remove-symbol-file " + self.loaded)
        User.loaded = os.path.abspath(path)
        gdb.execute("add-symbol-file %s -o %#x" % (path, 0x8000200000 if shared else 0))


def walk(root, va):
    """The physical address behind an address of the process whose page table is root; None if nothing is there."""
    table = root & ADDRESS
    for level in (3, 2, 1, 0):
        entry = read64(table + 8 * (va >> 12 + 9 * level & 511))
        if not entry & PRESENT:
            return None
        size = 1 << 12 + 9 * level
        if not level or entry & LARGE:
            return entry & ADDRESS & -size | va & size - 1
        table = entry & ADDRESS
    return None


def user64(root, va):
    """The 8 bytes at an address of a process; None if they are not there."""
    at = walk(root, va) if va & 7 == 0 else None
    return None if at is None else read64(at)


def place(address, back):
    """What is at an address of ring 3, by the symbols that `user` loaded; back is 1 for a return address."""
    symbol = gdb.execute("info symbol %#x" % (address - back), to_string=True).split(" in section")[0]
    line = gdb.find_pc_line(address - back)
    where = "  %s:%d" % (line.symtab.filename, line.line) if line.symtab else ""
    return "%#x  %s%s" % (address, "no symbol: user PROG" if symbol.startswith("No symbol") else symbol, where)


class UserBacktrace(gdb.Command):
    """ubt [THREAD]: the callers of a ring-3 thread, of all without its number, whether it
runs or not: by the chain of frame pointers (RBP), in the memory of its process. Of a
thread that is on a CPU they are those of its last entry into the kernel."""

    LIMIT = 32

    def __init__(self):
        super().__init__("ubt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        wanted = int(gdb.parse_and_eval(argument)) if argument else None
        found = False
        for process in processes(kernel()["rootJob"].dereference()):
            for thread in owners(process["threads"]):
                number = int(thread["Base"]["koid"])
                if wanted in (None, number):
                    found = True
                    state = int(thread["state"]["v"])
                    print("thread %d %s/%s, %s" % (number, name_of(process), name_of(thread), THREAD_STATES.get(state, hex(state))))
                    self.frames(thread)
        if not found:
            raise gdb.GdbError("no such thread: see threads")

    def frames(self, thread):
        regs, root = thread["regs"].dereference(), int(thread["root"])
        rip, rsp, rbp = int(regs["rip"]), int(regs["RSP"]), int(regs["RBP"])
        print("  #0  " + place(rip, 0))
        n, before = 1, walk(root, rip - 2)
        if before is not None and gdb.selected_inferior().read_memory(before, 2).tobytes() == b"\x0f\x05":
            # In a call's stub, which has no frame: its caller is on the stack.
            caller = user64(root, rsp)
            if caller is not None and walk(root, caller) is not None:
                print("  #1  " + place(caller, 1))
                n += 1
        while n < self.LIMIT:
            caller, above = user64(root, rbp + 8), user64(root, rbp)
            if not caller or above is None:
                return
            print("  #%-2d %s" % (n, place(caller, 1)))
            if above <= rbp:
                return
            rbp = above
            n += 1


class Console(gdb.Command):
    """console COMMAND...: type a line at the kernel's console. It is run when the
guest goes on; the output is in build/debug.log."""

    def __init__(self):
        super().__init__("console", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        try:
            fd = os.open("build/debug.in", os.O_WRONLY | os.O_NONBLOCK)
        except OSError as e:
            raise gdb.GdbError("no console: %s" % e)
        os.write(fd, argument.encode() + b"\n")
        os.close(fd)


gdb.execute("set pagination off")
gdb.execute("set confirm off")
gdb.execute("set disassembly-flavor intel")
for command in (Regs, PageTable, Threads, Vmo, User, UserBacktrace, Console):
    command()
print("commands: regs, pt VA, threads, vmo [KOID], user PROG, ubt [THREAD], console COMMAND; runtime-gdb.py adds info goroutines")
