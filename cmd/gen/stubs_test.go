package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakeKernel stands in for SYSCALL: it notes the registers and answers what
// the harness told it, losing RCX and R11 as the instruction does.
const fakeKernel = `
	.text
	.globl fake_syscall
fake_syscall:
	mov %rdi, seen(%rip)
	mov %rsi, seen+8(%rip)
	mov %rdx, seen+16(%rip)
	mov %r10, seen+24(%rip)
	mov %r8, seen+32(%rip)
	mov %r9, seen+40(%rip)
	mov %r12, seen+48(%rip)
	mov %r13, seen+56(%rip)
	mov %rax, seen+64(%rip)
	mov answer(%rip), %rax
	mov $-1, %rcx
	mov $-1, %r11
	ret
	.globl kept
kept:	// calls f(1001 .. 1008) and says whether R12 to R15, RBX and RBP survived
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rdi, %rax
	mov $0xb1, %ebx
	mov $0xb2, %ebp
	mov $0xb3, %r12d
	mov $0xb4, %r13d
	mov $0xb5, %r14d
	mov $0xb6, %r15d
	mov $1001, %edi
	mov $1002, %esi
	mov $1003, %edx
	mov $1004, %ecx
	mov $1005, %r8d
	mov $1006, %r9d
	sub $8, %rsp
	push $1008
	push $1007
	call *%rax
	add $24, %rsp
	mov %rax, result(%rip)
	xor $0xb1, %rbx
	xor $0xb2, %rbp
	xor $0xb3, %r12
	xor $0xb4, %r13
	xor $0xb5, %r14
	xor $0xb6, %r15
	or %rbp, %rbx
	or %r12, %rbx
	or %r13, %rbx
	or %r14, %rbx
	or %r15, %rbx
	mov %rbx, %rax
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret
	.section .note.GNU-stack, "", @progbits
`

const harness = `
#include <stdint.h>
#include <stdio.h>
uint64_t seen[9], answer, result;
uint64_t kept(void (*f)(void));
int64_t zx_deadline_after(int64_t n);
static int bad;
static void check(const char* name, void (*f)(void), int number, int args, uint64_t ans) {
    answer = ans;
    if (kept(f)) { printf("%s loses a register\n", name); bad = 1; }
    if (seen[8] != (uint64_t)number) { printf("%s has number %lu\n", name, (unsigned long)seen[8]); bad = 1; }
    for (int i = 0; i < args; i++)
        if (seen[i] != 1001u + i) { printf("%s: argument %d is %lu\n", name, i, (unsigned long)seen[i]); bad = 1; }
    if (result != ans) { printf("%s answers %lu\n", name, (unsigned long)result); bad = 1; }
}
static void after(int64_t now, int64_t n, int64_t want) {
    answer = (uint64_t)now;
    int64_t got = zx_deadline_after(n);
    if (got != want) { printf("%ld after %ld is %ld\n", (long)n, (long)now, (long)got); bad = 1; }
}
`

// TestStubs runs every stub with its SYSCALL replaced by a call and looks at
// the registers on both sides.
func TestStubs(t *testing.T) {
	cc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no gcc")
	}
	var b strings.Builder
	b.WriteString(harness)
	body := ""
	for i := range Table {
		c := &Table[i]
		args, err := parse(c)
		if err != nil {
			t.Fatal(err)
		}
		if c.Flags&NoReturn != 0 {
			continue
		}
		answer := "0xfffffffffffffff6u" // ZX_ERR_INVALID_ARGS
		if c.Flags&TrapOnError != 0 {
			answer = "0"
		}
		fmt.Fprintf(&b, "void zx_%s(void);\n", c.Name)
		body += fmt.Sprintf("    check(%q, zx_%s, %d, %d, %s);\n", c.Name, c.Name, c.Number, len(args), answer)
	}
	fmt.Fprintf(&b, "int main(void) {\n%s", body)
	b.WriteString(`    after(5, 7, 12);
    after(5, -7, -2);
    after(5, INT64_MAX, INT64_MAX);
    after(5, INT64_MAX - 5, INT64_MAX);
    after(-5, INT64_MIN, INT64_MIN);
    after(0, INT64_MIN, INT64_MIN);
    return bad;
}
`)
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	program := filepath.Join(dir, "harness")
	out, err := exec.Command(cc, "-O1", "-o", program, "-Dsyscall=call fake_syscall", "../../user/c/syscalls.S",
		file("kernel.S", fakeKernel), file("harness.c", b.String())).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.Command(program).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
