//go:build !tamago

package cpu

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFatal boots this package's own emulator tests once for every way ring 0
// can die, and reads the report. It needs the tamago go command in TAMAGO and
// QEMU, as `make test` has them, and is skipped without.
func TestFatal(t *testing.T) {
	tamago := strings.Fields(os.Getenv("TAMAGO"))
	if len(tamago) == 0 {
		t.Skip("TAMAGO is not set")
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	runner, image := filepath.Join(dir, "qemu"), filepath.Join(dir, "cpu.elf")
	build := exec.Command("go", "build", "-o", runner, "faultline/cmd/qemu")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	build = exec.Command(tamago[0], append(tamago[1:], "test", "-c", "-trimpath", "-o", image, "-ldflags", "-T 0x1001000 -R 0x1000", "faultline/cpu")...)
	build.Env = append(os.Environ(), "GOOS=tamago", "GOARCH=amd64", "GOOSPKG=github.com/usbarmory/tamago")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	const reported, byPort = 41, 1 << 30
	callers := []string{"called by faultline/cpu_test.inner", "called by faultline/cpu_test.outer", "called by faultline/cpu_test.TestMain", "called by main.main"}
	for _, death := range []struct {
		kind, cpu string
		code      int
		want      []string
	}{
		{"nil", "max", reported, append([]string{"#PF page fault, error code 0x2 (write, not present) at 0x8, ring 0", "in faultline/cpu_test.raise"}, callers...)},
		{"nil", "qemu64", reported, append([]string{"#PF page fault, error code 0x2"}, callers...)},
		{"nested", "max", byPort, []string{"#PF page fault", "called by faultline/cpu_test.outer", "trap in report"}},
		{"returned", "max", byPort, nil},
		{"early", "max", byPort, []string{"fatal: #PF page fault, error code 0x2 (write, not present) at 0x8", "called from"}},
		{"regs", "max", reported, append([]string{"#UD invalid opcode, ring 0", "code f b", "in faultline/cpu.Exec"}, callers...)},
		{"xrstor", "max", reported, append([]string{"#GP general protection, error code 0x0, ring 0", "in faultline/cpu.Exec"}, callers...)},
		{"iretq", "max", reported, []string{"#GP general protection, error code 0x18, ring 0", "code 48 cf", "in faultline/cpu.Exec"}},
		{"iretq", "qemu64", reported, []string{"#GP general protection, error code 0x18, ring 0", "code 48 cf", "in faultline/cpu.execSlow"}},
		{"xcr0", "max", reported, append([]string{"#GP general protection, error code 0x0, ring 0", "code f 1 d1", "in faultline/cpu.WriteXCR0"}, callers...)},
		{"user", "max", reported, append([]string{"#PF page fault, error code 0x1 (read, not allowed) at 0x8000001000"}, callers...)},
		{"smep", "max", reported, append([]string{"#PF page fault, error code 0x11 (fetch, not allowed) at 0x8000000000"}, callers...)},
		{"fetch", "max", reported, append([]string{"#PF page fault, error code 0x10 (fetch, not present) at 0x0", "in nowhere"}, callers...)},
		{"int3", "max", reported, append([]string{"#BP breakpoint, ring 0"}, callers...)},
		{"interrupt", "max", reported, append([]string{"interrupt vector 64 with interrupts on outside WaitForInterrupt"}, callers...)},
		{"sti", "max", reported, append([]string{"interrupt vector 68 with interrupts on outside WaitForInterrupt"}, callers...)},
		{"double", "max", reported, append([]string{"#DF double fault, error code 0x0, ring 0", "rsp 0"}, callers...)},
		{"nmi0", "max", reported, append([]string{"NMI, ring 0"}, callers...)},
		{"nmi3", "max", reported, []string{"NMI, ring 3", "rip 8000000000 rsp 8000003000"}},
		{"nmi3", "qemu64", reported, []string{"NMI, ring 3", "rip 8000000000 rsp 8000003000"}},
	} {
		t.Run(death.kind+" on "+death.cpu, func(t *testing.T) {
			cmd := exec.Command(runner, "-timeout", "60s", "-cpu", death.cpu, image, "-fatal="+death.kind)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("ended with %v\n%s", err, out)
			}
			code := exit.ExitCode()
			if death.code == byPort {
				// Config.ExitValue, chosen by the board: a failure of the guest.
				if code == reported || code >= 120 {
					t.Errorf("exit code %d", code)
				}
			} else if code != death.code {
				t.Errorf("exit code %d, want %d", code, death.code)
			}
			rest := string(out)
			for _, want := range death.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Errorf("no %q, or not in its place, in\n%s", want, out)
					break
				}
				rest = after
			}
		})
	}
}
