// Command boot is booted by the host's tests: it does what its first argument says.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"time"

	_ "faultline/board/qemu"
	"faultline/board/x86"
	"faultline/cpu"
)

func main() {
	what := ""
	if len(os.Args) > 1 {
		what = os.Args[1]
	}
	switch what {
	case "exit":
		fmt.Println("exit", os.Args[2])
		code, err := strconv.Atoi(os.Args[2])
		if err != nil {
			panic(err)
		}
		os.Exit(code)
	case "panic":
		panic("as asked")
	case "nil":
		var p *int
		fmt.Println(*p)
	case "reset":
		fmt.Println("reset")
		cpu.WriteCR3(0) // page 0 holds no page tables
	case "hang":
		fmt.Println("hang")
		for {
			time.Sleep(time.Hour)
		}
	case "silent":
		for {
			time.Sleep(time.Hour)
		}
	case "echo":
		fmt.Println("ready")
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() && in.Text() != "end" {
			fmt.Printf("%q\n", in.Text())
		}
	case "map":
		m, err := x86.Open()
		if err != nil {
			panic(err)
		}
		var usable uint64
		for _, r := range m.UsableRAM() {
			usable += r.Bytes()
		}
		fmt.Println(m.Name, m.Memory.RAM()>>20, m.Window.Bytes()>>20, usable>>20)
	case "cpus":
		cpus()
	case "start":
		fmt.Println(x86.Nanotime())
	case "disk":
		m, err := x86.Open()
		if err != nil {
			panic(err)
		}
		if len(m.Drives) == 0 || m.Drives[0].Err != nil {
			fmt.Println("no disk:", m.Drives)
			os.Exit(3)
		}
		disk := m.Drives[0].Device
		p := make([]byte, x86.SectorBytes)
		if err := disk.Read(5, p); err != nil {
			panic(err)
		}
		fmt.Printf("%d %q\n", disk.Sectors(), p[:8])
		copy(p, "written")
		if err := disk.Write(6, p); err != nil {
			fmt.Println(err)
			os.Exit(4)
		}
		if err := disk.Flush(); err != nil {
			panic(err)
		}
	default:
		fmt.Printf("%q %q\n", os.Args, os.Getenv("WORD"))
	}
}
