package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	board "faultline/board/qemu"
	"faultline/board/x86"
)

// TestAgreement compares the two copies of what runner and image agree on.
func TestAgreement(t *testing.T) {
	if exitPort != x86.ExitPort || exitPass != x86.ExitPass || exitFail != x86.ExitFail || exitMax != x86.ExitMax {
		t.Error("the exit device's constants differ from board/x86's")
	}
	if fileArgs != board.FileArgs || fileEnv != board.FileEnv || fileCommands != board.FileCommands ||
		fileProgram != board.FileProgram || fileOptions != board.FileOptions || filePrivileged != board.FilePrivileged || fileProgArgs != board.FileProgArgs {
		t.Error("the names of files differ from board/qemu's")
	}
	for _, l := range [][]string{{"a"}, {"a b", "", "c"}} {
		if got := board.SplitNUL(joinNUL(l)); !slices.Equal(got, l) {
			t.Errorf("%q arrives as %q", l, got)
		}
	}
	// A program's exit code, through the image and QEMU to our own status.
	for code := range int32(300) {
		status := int(x86.ExitValue(code))<<1 | 1
		got, _ := outcome{status: status, spoke: true}.verdict()
		if want := min(int(code), x86.ExitMax-x86.ExitFail); got != want {
			t.Errorf("exit code %d arrives as %d, want %d", code, got, want)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		o    outcome
		code int
		say  string
	}{
		{outcome{status: 33}, 0, ""},
		{outcome{status: 35, spoke: true}, 1, "code 1"},
		{outcome{status: 255, spoke: true}, 110, "code 110"},
		{outcome{status: 0, spoke: true}, statusReset, "triple fault"},
		{outcome{status: 0}, statusReset, "having written nothing"},
		{outcome{status: 1}, statusRefused, "did not start"},
		{outcome{status: 2}, statusStrange, "status 2"},
		{outcome{status: 3}, statusStrange, "status 3"},
		{outcome{status: 31}, statusStrange, "status 31"},
		{outcome{status: 34}, statusStrange, "status 34"},
		{outcome{status: -1, signal: "killed"}, statusStrange, "killed"},
		{outcome{status: -1, timeout: true, spoke: true, limit: time.Second}, statusTimeout, "timeout"},
		{outcome{status: -1, timeout: true, limit: time.Second}, statusSilence, "silence"},
		{outcome{status: 33, timeout: true, spoke: true, limit: time.Second}, statusTimeout, "timeout"},
	} {
		code, words := c.o.verdict()
		if code != c.code || !strings.Contains(words, c.say) || (words == "") != (code == 0) {
			t.Errorf("%+v: %d %q, want %d %q", c.o, code, words, c.code, c.say)
		}
	}
}

func TestArgv(t *testing.T) {
	k := knobs{machine: "microvm", loader: "pvh", diskIf: "virtio", cpu: "max", mem: "1G", smp: "1", accel: "tcg", disk: "a,b.img", readOnly: true, icount: "1", gdb: "1", extra: "-d int"}
	argv, err := k.argv("k.elf", []blobFile{{fileArgs, "/tmp/x,y"}})
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Join(argv, " ")
	for _, want := range []string{
		"-M microvm,", "-accel tcg", "-cpu max", "-m 1G", "-smp 1", "-kernel k.elf", "-no-reboot", "isa-debug-exit,iobase=0xf4",
		"virtio-mmio.force-legacy=false", "-device virtio-blk-device,drive=disk0", "file=a,,b.img,readonly=on",
		"name=opt/faultline/args,file=/tmp/x,,y", "-icount shift=0,sleep=off", "-seed 1", "clock=vm", "-gdb tcp:127.0.0.1:1234 -S", "-d int",
	} {
		if !strings.Contains(line, want) {
			t.Errorf("no %q in %s", want, line)
		}
	}
	k = knobs{machine: "q35", loader: "pvh", diskIf: "virtio", mem: "1024", smp: "255", disk: "d", gdb: "5555", icount: "shift=3"}
	argv, _ = k.argv("k.elf", nil)
	line = strings.Join(argv, " ")
	if !strings.Contains(line, "virtio-blk-pci") || strings.Contains(line, "virtio-mmio") || !strings.Contains(line, ":5555") || !strings.Contains(line, "-icount shift=3") {
		t.Error(line)
	}
	stick := filepath.Join(t.TempDir(), "k-usb.img")
	if err := os.WriteFile(stick, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ machine, loader, diskIf, want string }{
		{"q35", "usb", "nvme", "-bios " + firmware + " -device qemu-xhci -drive if=none,id=boot,format=raw,file=" + stick + ",snapshot=on -device usb-storage,drive=boot,bootindex=0"},
		{"q35", "usb", "nvme", "-device nvme,serial=faultline,drive=disk0"},
		{"q35", "pvh", "ram", "-initrd d"},
		{"q35", "iso-bios", "virtio", "make image"},
		{"microvm", "usb", "virtio", "needs MACHINE"},
		{"microvm", "pvh", "nvme", "needs MACHINE"},
		{"q35", "usb", "ram", "leave DISK empty"},
		{"q35", "lilo", "ram", "LOADER=lilo"},
		{"q35", "pvh", "scsi", "DISKIF=scsi"},
	} {
		k := knobs{machine: c.machine, loader: c.loader, diskIf: c.diskIf, mem: "0.5G", smp: "8", disk: "d"}
		argv, err := k.argv(strings.TrimSuffix(stick, "-usb.img")+".elf", nil)
		if line := strings.Join(argv, " ") + fmt.Sprint(err); !strings.Contains(line, c.want) {
			t.Errorf("%+v: %s", c, line)
		}
	}
	if _, err := (&knobs{machine: "vax"}).argv("k.elf", nil); err == nil || !strings.Contains(err.Error(), "MACHINE=vax") {
		t.Errorf("unknown machine: %v", err)
	}
	for _, bad := range []struct{ mem, smp, want string }{
		{"512M", "0", "SMP=0"}, {"512M", "256", "SMP=256"}, {"512M", "x", "SMP=x"},
		{"1", "1", "MEM=1 "}, {"x", "1", "MEM=x "}, {"G", "1", "MEM=G "}, {"31m", "1", "MEM=31m "}, {"nan", "1", "MEM=nan "}, {"", "1", "MEM= "},
	} {
		if _, err := (&knobs{machine: "pc", loader: "pvh", diskIf: "virtio", mem: bad.mem, smp: bad.smp}).argv("k.elf", nil); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestBlobs(t *testing.T) {
	program := filepath.Join(t.TempDir(), "prog.elf")
	if err := os.WriteFile(program, []byte("ELF"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := knobs{cmds: "ls; sum A", program: program, progArgs: "a  b", env: []string{"X=1"}}
	got, err := k.blobs("dir/k.elf", []string{"-test.v"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		fileArgs: "k.elf\x00-test.v\x00", fileEnv: "X=1\x00", fileCommands: "ls; sum A",
		fileProgram: "ELF", fileProgArgs: "prog.elf\x00a\x00b\x00",
	}
	for _, b := range got {
		if want[b.name] != string(b.content) {
			t.Errorf("%s: %q, want %q", b.name, b.content, want[b.name])
		}
		delete(want, b.name)
	}
	if len(want) != 0 {
		t.Errorf("missing: %q", want)
	}
}

func TestParseTimeout(t *testing.T) {
	for s, want := range map[string]time.Duration{"90s": 90 * time.Second, "0": 0, "5": 5 * time.Second, "1m30s": 90 * time.Second} {
		if got, err := parseTimeout(s); got != want || err != nil {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"x", "-1s", "-5"} {
		if _, err := parseTimeout(s); err == nil {
			t.Errorf("%s accepted", s)
		}
	}
}

func TestKeys(t *testing.T) {
	for in, want := range map[string]string{
		"ls\r":                  "ls\r",
		"a\x01\x01b":            "a\x01b",
		"a\x01cb":               "a\x01cb",
		"ab\x01xc":              "ab STOP",
		"\x01\x01x\x03\x01\x78": "\x01x\x03 STOP",
	} {
		var out bytes.Buffer
		// One key at a time, and all at once.
		for _, r := range []io.Reader{strings.NewReader(in), oneByOne{strings.NewReader(in)}} {
			out.Reset()
			keys(&out, r, func() { out.WriteString(" STOP") })
			if out.String() != want {
				t.Errorf("%q: %q, want %q", in, out.String(), want)
			}
		}
	}
}

type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }

func TestComplaints(t *testing.T) {
	in := "qemu: warning: TCG doesn't support requested feature: x\nother\n"
	var out bytes.Buffer
	if passComplaints(&out, strings.NewReader(in), false); out.String() != "other\n" {
		t.Errorf("%q", out.String())
	}
	out.Reset()
	if passComplaints(&out, strings.NewReader(in), true); out.String() != in {
		t.Errorf("%q", out.String())
	}
	out.Reset()
	in = "qemu-system-x86_64: -device virtio-blk-device,drive=disk0: Failed to get \"write\" lock\nIs another process using the image [my.img]?\n"
	if passComplaints(&out, strings.NewReader(in), false); !strings.Contains(out.String(), "another machine runs on this disk image") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("a locked image: %q", out.String())
	}
}

// TestMain makes the test binary the runner itself when RUNNER is set.
func TestMain(m *testing.M) {
	if os.Getenv("RUNNER") != "" {
		main()
	}
	os.Exit(m.Run())
}

// runner runs the runner with a shell script in the place of QEMU.
func runner(t *testing.T, script string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	fake := filepath.Join(dir, "fake-qemu")
	image := filepath.Join(dir, "image.elf")
	if err := os.WriteFile(fake, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], append([]string{image}, args...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, "RUNNER=1", "QEMU=" + fake}, env...)
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

func TestRunner(t *testing.T) {
	for _, c := range []struct {
		script string
		env    []string
		code   int
		out    string
		say    string
	}{
		{script: "echo hi; exit 33", code: 0, out: "hi\n"},
		{script: "echo hi; exit 39", code: 2, out: "hi\n", say: "code 2"},
		{script: "exit 0", code: statusReset, say: "triple fault"},
		{script: "echo bad option >&2; exit 1", code: statusRefused, say: "bad option\nqemu: QEMU did not start"},
		{script: "kill -9 $$", code: statusStrange, say: "killed"},
		{script: "echo hi; exec sleep 60", env: []string{"TIMEOUT=0.3s"}, code: statusTimeout, out: "hi\n", say: "timeout"},
		{script: "exec sleep 60", env: []string{"TIMEOUT=0.3s"}, code: statusSilence, say: "silence"},
		{script: "head -c 3; exit 33", code: 0, out: "abc"},
		{script: "exit 33", env: []string{"MACHINE=vax"}, code: statusUsage, say: "MACHINE=vax"},
		{script: "exit 33", env: []string{"TIMEOUT=never"}, code: statusUsage, say: "TIMEOUT=never"},
		{script: "exit 33", env: []string{"DISK=/absent.img"}, code: statusUsage, say: "/absent.img"},
		{script: "exit 33", env: []string{"QEMU=absent-qemu"}, code: statusUsage, say: "apt-get install qemu-system-x86"},
	} {
		cmd := runner(t, c.script, c.env)
		cmd.Stdin = strings.NewReader("abc")
		var out, say bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &say
		start := time.Now()
		cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != c.code || out.String() != c.out || !strings.Contains(say.String(), c.say) {
			t.Errorf("%q %q: %d %q %q, want %d %q %q", c.script, c.env, code, out.String(), say.String(), c.code, c.out, c.say)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%q took %v", c.script, took)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(cmd.Args[1]), "faultline-qemu-*")); len(left) > 0 {
			t.Errorf("%q left %q", c.script, left)
		}
	}
}

// TestRunnerSignal ends the runner and expects its emulator to go with it.
func TestRunnerSignal(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a child is bound to its parent on Linux only")
	}
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		cmd := runner(t, "echo $$; exec sleep 60", nil)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var line [32]byte
		n, err := out.Read(line[:])
		if err != nil {
			t.Fatal(err)
		}
		pid := strings.TrimSpace(string(line[:n]))
		cmd.Process.Signal(sig)
		cmd.Wait()
		if sig == syscall.SIGTERM && cmd.ProcessState.ExitCode() != 130 {
			t.Errorf("status %d after %v", cmd.ProcessState.ExitCode(), sig)
		}
		gone := func() bool {
			status, err := os.ReadFile("/proc/" + pid + "/status")
			return err != nil || strings.Contains(string(status), "State:\tZ")
		}
		for range 100 {
			if gone() {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if !gone() {
			t.Errorf("%v: the emulator lives on", sig)
		}
	}
}
