package x86

import (
	"reflect"
	"testing"
)

func TestParseOptions(t *testing.T) {
	got := ParseOptions(`BOOT_IMAGE=/boot/x cmds="ls; sum A B" console=ttyS1,9600n8+fb disk=nvme0 smp=4 mem=1g kernel.a=1 quiet kernel.b=2  ` +
		`virtio_mmio.device=512@0x1000:5 program=hello smp=0 mem=99999999999G console=tty9 console=ttyS0,7 ""`)
	want := Options{
		Commands: "ls; sum A B", Program: "hello", Consoles: []string{"ttyS1", "fb"}, Baud: 9600, Disk: "nvme0",
		CPUs: 4, Memory: 1 << 30, Kernel: "kernel.a=1 kernel.b=2", // what was wrong later changes nothing
	}
	ignored := got.Ignored
	got.Ignored = nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(ignored) != 6 || ignored[0] != `"quiet": unknown` {
		t.Errorf("ignored %q", ignored)
	}
	if o := ParseOptions("smp=4 mem=1g"); o.CPUs != 4 || o.Memory != 1<<30 || o.Ignored != nil {
		t.Errorf("%+v", o)
	}
}

func FuzzParseOptions(f *testing.F) {
	f.Add(`cmds="a b" console=ttyS0,115200+fb mem=1G`)
	f.Fuzz(func(t *testing.T, line string) {
		o := ParseOptions(line)
		if o.CPUs < 0 && len(o.Ignored) == 0 || len(o.Consoles) > len(line) {
			t.Errorf("%+v", o)
		}
		mmioSlots(line)
	})
}
