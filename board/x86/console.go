//go:build tamago

package x86

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
	_ "unsafe" // for go:linkname

	"faultline/cpu"
	"faultline/zx"
)

const (
	inputBytes = 1 << 12
	// pollInput is how often a reader looks where nothing interrupts, or to no avail.
	pollInput = 10 * time.Millisecond
)

// ourRuntime says that the scheduler sees a goroutine which an interrupt makes ready
// while the CPU is idle. The official one sleeps on.
var ourRuntime = strings.Contains(runtime.Version(), "faultline")

// typed is input that arrived and was not read. One at a time moves what port and
// keyboard have there: who finds it taken leaves a word and goes on, and the one who has
// it looks once more.
var typed struct {
	input         chan byte
	taken, missed atomic.Bool
}

// inputReady holds a token when input may have come since it was last taken.
var inputReady chan struct{}

//go:linkname printk runtime/goos.Printk
//go:nosplit
func printk(c byte) { sendByte(c) }

// receive moves what port and keyboard have to typed and says whether there was anything.
// What does not fit stays in the port.
func receive() (any bool) {
	typed.missed.Store(true)
	for typed.missed.Load() && typed.taken.CompareAndSwap(false, true) {
		typed.missed.Store(false)
		any = receiveKeys() || any
		for uart.present && len(typed.input) < inputBytes && uartIn(uartLSR)&lsrDataReady != 0 {
			typed.input <- uartIn(uartData)
			any = true
		}
		typed.taken.Store(false)
	}
	return any
}

// wakeReader lets a Wait return.
func wakeReader() {
	select {
	case inputReady <- struct{}{}:
	default:
	}
}

// Console is the serial port, and the screen and the keyboard where there are such.
// Bytes pass as they are, in both directions.
type Console struct{}

// Write sends p. It waits for the port but not for ever; without a port, or
// when it takes nothing for 10 s, output is dropped.
func (Console) Write(p []byte) (int, error) {
	for _, c := range p {
		sendByte(c)
	}
	return len(p), nil
}

// Read takes what input has arrived, up to len(p) bytes. It does not wait: no
// input gives 0 and no error.
func (Console) Read(p []byte) (n int, err error) {
	receive()
	for n < len(p) {
		select {
		case p[n] = <-typed.input:
			n++
		default:
			return n, nil
		}
	}
	return n, nil
}

// Wait returns when there may be input to Read, at once if there is. Only the
// calling goroutine waits; an idle CPU halts meanwhile. For one reader at a time.
func (c Console) Wait() {
	for {
		receive()
		if len(typed.input) > 0 {
			return
		}
		if ourRuntime && (uart.interrupt || !uart.present) {
			<-inputReady
		} else {
			time.Sleep(pollInput)
		}
	}
}

// consoleRead is what reading os.Stdin does: wait, then take what there is.
//
//go:linkname consoleRead syscall.consoleRead
var consoleRead func(p []byte) int

func readConsole(p []byte) int {
	if !uart.present && !keys.present || len(p) == 0 {
		return 0 // end of file, or nothing asked for
	}
	Console{}.Wait()
	n, _ := Console{}.Read(p)
	return n
}

// initInput turns the input interrupt on where it can be delivered.
//
// Pre: cpu.Init has run, the local APIC is up.
func initInput() {
	if inputReady == nil {
		typed.input, inputReady = make(chan byte, inputBytes), make(chan struct{}, 1)
		consoleRead = readConsole
	}
	irq := uint8(4)
	if uart.port == 0x2f8 || uart.port == 0x2e8 {
		irq = 3
	}
	uart.interrupt = uart.present && uart.memory == 0 && routeISA(irq, VectorSerial)
	if uart.interrupt {
		uartOut(uartIER, 1) // data available
	}
}

// serialPorts are the ports of ttyS0 to ttyS3.
var serialPorts = [...]uint16{0x3f8, 0x2f8, 0x3e8, 0x2e8}

// chooseConsole takes the serial port, screen and keyboard that the command line, or
// else firmware, asks for: without a word the first port and the screen.
//
// Pre: the boot page tables are in place.
func chooseConsole(o *Options, f Framebuffer) {
	wantScreen, port := len(o.Consoles) == 0, Platform.Serial
	if !wantScreen {
		port = nil
		uart.present = false
	}
	for _, c := range o.Consoles {
		if c == "fb" {
			wantScreen = true
			continue
		}
		port = &SerialPort{Port: serialPorts[c[4]-'0'], Baud: o.Baud}
	}
	if port != nil && (port.Port != uint16(com1) || port.Baud != 0 && port.Baud != defaultBaud || !uart.present) {
		drain()
		useUART(port)
	}
	initInput()
	if wantScreen && f.Address != 0 {
		if at, err := mapDevice(f.Memory()); believed("screen", err) {
			screen = newTextScreen(f, at)
			initKeyboard()
		}
	}
}

// useUART makes p the serial port, or COM1 if there is none at p.
func useUART(p *SerialPort) {
	at, err := uint64(0), error(nil)
	if p.Port == 0 {
		at, err = mapDevice(Range{p.Memory, p.Memory + zx.PhysAddr(8*p.Stride)})
	}
	if err == nil {
		uart.port, uart.memory, uart.stride, uart.room = cpu.Port(p.Port), at, p.Stride, 0
		if initUART(p.Baud); !uart.present {
			err = errors.New("nothing there")
		}
	}
	if !believed(fmt.Sprintf("serial port at %#x", uint64(p.Port)|uint64(p.Memory)), err) {
		uart.port, uart.memory, uart.room = com1, 0, 0
		initUART(defaultBaud)
	}
}
