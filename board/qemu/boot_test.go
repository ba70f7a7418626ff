//go:build !tamago

package qemu

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"faultline/board/x86"
)

// These tests boot testdata/boot in QEMU. They need the emulator, and TAMAGO to name
// a go command that knows GOOS=tamago.

// Link flags of a bootable image: text one page above RamStart.
const linkFlags = "-T 0x1001000 -R 0x1000"

var images = sync.OnceValues(func() (dir string, err error) {
	tamago := strings.Fields(os.Getenv("TAMAGO"))
	if len(tamago) == 0 {
		return "", errNoTamago
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		return "", errNoTamago
	}
	if dir, err = os.MkdirTemp("", "faultline-boot-"); err != nil {
		return "", err
	}
	build := append(tamago, "build", "-trimpath", "-ldflags", linkFlags, "-o", filepath.Join(dir, "boot.elf"), "./testdata/boot")
	for _, argv := range [][]string{build, {"go", "build", "-o", filepath.Join(dir, "qemu"), "../../cmd/qemu"}} {
		cmd := exec.Command(argv[0], argv[1:]...)
		if argv[0] == tamago[0] && argv[0] != "go" {
			cmd.Env = append(os.Environ(), "GOOS=tamago", "GOARCH=amd64", "GOOSPKG=github.com/usbarmory/tamago")
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return dir, fmt.Errorf("%v: %w\n%s", argv, err, out)
		}
	}
	return dir, nil
})

var errNoTamago = errors.New("needs TAMAGO=/path/to/go that knows GOOS=tamago, and qemu-system-x86_64")

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := images(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// boot runs the image with the given environment (NAME=value, as the runner has
// it) and arguments.
func boot(t *testing.T, env []string, input string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	dir, err := images()
	if errors.Is(err, errNoTamago) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, "qemu"), append([]string{filepath.Join(dir, "boot.elf")}, args...)...)
	cmd.Env = append(append(os.Environ(), "TIMEOUT=60s"), env...)
	var o, e bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &o, &e
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

func TestBootMatrix(t *testing.T) {
	for _, machine := range []string{"microvm", "q35", "pc"} {
		for _, cpu := range []string{"max", "EPYC", "Skylake-Client", "qemu64"} {
			for _, mem := range []int{256, 8192} {
				t.Run(fmt.Sprint(machine, "/", cpu, "/", mem), func(t *testing.T) {
					env := []string{"MACHINE=" + machine, "CPU=" + cpu, "MEM=" + strconv.Itoa(mem) + "M"}
					status, out, words := boot(t, env, "", "map")
					var name string
					var ram, window, usable int
					_, err := fmt.Sscan(out, &name, &ram, &window, &usable)
					if status != 0 || err != nil || name != machine {
						t.Fatalf("status %d, %v: %q %q", status, err, out, words)
					}
					if ram < mem-4 || ram > mem || window < 80 || window > 1024 || usable+window < ram-3 {
						t.Errorf("%d MiB: %s", mem, out)
					}
				})
			}
		}
	}
}

func TestBootStatus(t *testing.T) {
	for _, c := range []struct {
		args   []string
		env    []string
		status int
		say    string // on stdout or stderr
	}{
		{args: []string{"exit", "0"}, status: 0},
		{args: []string{"exit", "1"}, status: 1, say: "failed with code 1"},
		{args: []string{"exit", "110"}, status: 110, say: "failed with code 110"},
		{args: []string{"exit", "256"}, status: 110, say: "failed with code 110"},
		{args: []string{"exit", "-1"}, status: 110, say: "failed with code 110"},
		{args: []string{"panic"}, status: 2, say: "panic: as asked"},
		{args: []string{"nil"}, status: 3, say: "main.main"},
		{args: []string{"reset"}, status: 120, say: "triple fault"},
		{args: []string{"hang"}, env: []string{"TIMEOUT=10s"}, status: 124, say: "timeout"},
		{args: []string{"silent"}, env: []string{"TIMEOUT=2s"}, status: 123, say: "silence"},
		{args: []string{"exit", "0"}, env: []string{"CPU=qemu32"}, status: 1, say: "no 64-bit mode"},
		{args: []string{"exit", "0"}, env: []string{"MEM=64M"}, status: 1, say: "too little RAM"},
		{args: []string{"exit", "0"}, env: []string{"CPU=max,-syscall"}, status: 1, say: "lacks SYSCALL"},
		{args: []string{"exit", "0"}, env: []string{"CPU=max,-rdrand"}, status: 0},
		{args: []string{"exit", "0"}, env: []string{"QEMUFLAGS=-nonsense"}, status: 121, say: "QEMU did not start"},
		{args: []string{"a b", "c"}, env: []string{}, status: 0, say: `["boot.elf" "a b" "c"]`},
	} {
		status, out, words := boot(t, c.env, "", c.args...)
		if t.Skipped() {
			return
		}
		if status != c.status || !strings.Contains(out+words, c.say) {
			t.Errorf("%q with %q: status %d, want %d and %q: %q %q", c.args, c.env, status, c.status, c.say, out, words)
		}
	}
}

// oursOnly skips a test that asks for a hook that only our toolchain has.
func oursOnly(t *testing.T, hook string) {
	t.Helper()
	tamago := strings.Fields(os.Getenv("TAMAGO"))
	if len(tamago) == 0 {
		t.Skip(errNoTamago)
	}
	version, err := exec.Command(tamago[0], append(tamago[1:], "env", "GOVERSION")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(version), "faultline") {
		t.Skipf("%s is not our toolchain: %s", strings.TrimSpace(string(version)), hook)
	}
}

func TestBootInput(t *testing.T) {
	oursOnly(t, "it has no hook for standard input")
	for _, machine := range []string{"microvm", "q35"} {
		long := strings.Repeat("0123456789", 100)
		status, out, words := boot(t, []string{"MACHINE=" + machine}, "hello\n"+long+"\nend\n", "echo")
		if want := "ready\n\"hello\"\n\"" + long + "\"\n"; status != 0 || out != want {
			t.Errorf("%s: status %d: %q %q", machine, status, out, words)
		}
	}
}

// TestBootCPUs: each CPU answers, has the boot CPU's registers, and keeps the
// goroutines that are pinned to it while the world stops and starts, and after they
// have waited for the collector.
func TestBootCPUs(t *testing.T) {
	oursOnly(t, "its runtime cannot pin a goroutine to a CPU")
	for _, machine := range []string{"microvm", "q35", "pc"} {
		for _, n := range []int{1, 2, 4, 8} {
			status, out, words := boot(t, []string{"MACHINE=" + machine, "SMP=" + strconv.Itoa(n)}, "", "cpus")
			if want := fmt.Sprintln(n, n, 0, 0, 600*n); status != 0 || out != want {
				t.Errorf("%s: status %d: %q, want %q: %q", machine, status, out, want, words)
			}
		}
	}
	for _, cpu := range []string{"EPYC", "Skylake-Client", "qemu64"} {
		status, out, words := boot(t, []string{"CPU=" + cpu, "SMP=2"}, "", "cpus")
		if want := fmt.Sprintln(2, 2, 0, 0, 1200); status != 0 || out != want {
			t.Errorf("%s: status %d: %q, want %q: %q", cpu, status, out, want, words)
		}
	}
}

// TestBootInstructions guards the length of the way from the loader to main.
func TestBootInstructions(t *testing.T) {
	oursOnly(t, "its runtime takes longer to start")
	env := []string{"ICOUNT=1"}
	status, first, words := boot(t, env, "", "start")
	_, second, _ := boot(t, env, "", "start")
	n, err := strconv.Atoi(strings.TrimSpace(first))
	if status != 0 || err != nil || n > 1_000_000 {
		t.Errorf("status %d: %q %q: want at most a million instructions", status, first, words)
	}
	if first != second {
		t.Errorf("two runs took %q and %q instructions", first, second)
	}
	t.Logf("%d instructions from entry to main", n)
}

func TestBootDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk,with comma.img")
	content := make([]byte, 1<<20)
	copy(content[5*x86.SectorBytes:], "sector 5")
	for _, machine := range []string{"microvm", "q35", "pc"} {
		for _, c := range []struct {
			env     string
			status  int
			written bool
		}{{"READONLY=1", 4, false}, {"SNAPSHOT=1", 0, false}, {"READONLY=0", 0, true}} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			status, out, words := boot(t, []string{"MACHINE=" + machine, "DISK=" + path, c.env}, "", "disk")
			after, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if status != c.status || !strings.Contains(out, `2048 "sector 5"`) {
				t.Errorf("%s, %s: status %d: %q %q", machine, c.env, status, out, words)
			}
			if got := string(after[6*x86.SectorBytes:][:7]) == "written"; got != c.written {
				t.Errorf("%s, %s: written is %v", machine, c.env, got)
			}
		}
	}
	// A device that asks to be told of the platform's way to memory.
	status, out, words := boot(t, []string{"MACHINE=q35", "DISK=" + path, "QEMUFLAGS=-global virtio-blk-pci.iommu_platform=on -global virtio-blk-pci.disable-legacy=on"}, "", "disk")
	if status != 0 || !strings.Contains(out, `2048 "sector 5"`) {
		t.Errorf("iommu_platform=on: status %d: %q %q", status, out, words)
	}
	if status, out, _ := boot(t, nil, "", "disk"); status != 3 {
		t.Errorf("without a disk: status %d: %q", status, out)
	}
}
