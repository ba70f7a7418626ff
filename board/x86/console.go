//go:build tamago

package x86

import (
	"time"
	_ "unsafe" // for go:linkname

	"faultline/cpu"
)

// The first serial port, a 16550. Source: National Semiconductor PC16550D.
const (
	com1 cpu.Port = 0x3f8

	uartData    = com1 + 0
	uartIER     = com1 + 1
	uartFCR     = com1 + 2 // write
	uartIIR     = com1 + 2 // read
	uartLCR     = com1 + 3
	uartMCR     = com1 + 4
	uartLSR     = com1 + 5
	uartScratch = com1 + 7

	lsrDataReady = 1 << 0
	lsrTHREmpty  = 1 << 5
	lsrIdle      = 1 << 6 // nothing in the shift register either
	uartFIFO     = 16     // bytes to send once THREmpty
)

const (
	// patience is how long a transmitter may stay full before what is written
	// is dropped: longer than a reader on the host may be stopped by chance.
	patience = 10e9 // ns

	inputBytes = 1 << 12
	// pollInput is how often a reader looks where the port has no interrupt.
	pollInput = 10 * time.Millisecond
)

// uart is the state of the serial port. One CPU, IF=0: needs no lock.
var uart struct {
	present   bool
	interrupt bool // the port interrupts us when input arrives
	room      int  // bytes that the transmitter surely takes
	burst     int  // what room is once the transmitter is empty

	// Input that arrived and was not read: a ring. The count of all bytes
	// ever put in and taken out.
	input   [inputBytes]byte
	in, out uint
}

// inputReady holds a token when input may have come since it was last taken.
var inputReady chan struct{}

// initUART finds out whether there is a port, and sets it to 115200 8N1, FIFOs on
// if it can.
//
//go:nosplit
func initUART() {
	cpu.Out8(uartScratch, 0x5a)
	a := cpu.In8(uartScratch)
	cpu.Out8(uartScratch, 0xa5)
	uart.present = a == 0x5a && cpu.In8(uartScratch) == 0xa5
	if !uart.present {
		return
	}
	cpu.Out8(uartIER, 0)
	cpu.Out8(uartLCR, 0x80) // divisor latch
	cpu.Out8(uartData, 1)
	cpu.Out8(uartIER, 0)
	cpu.Out8(uartLCR, 0x03)
	// Turning the FIFOs on throws away a byte that has arrived, and whoever
	// pipes commands into the machine has long sent one. The port holds no more
	// than that one until it is read: then do without FIFOs.
	if cpu.In8(uartLSR)&lsrDataReady == 0 {
		cpu.Out8(uartFCR, 0x01)
	}
	uart.burst = 1
	if cpu.In8(uartIIR)>>6 == 3 {
		uart.burst = uartFIFO
	}
	cpu.Out8(uartMCR, 0x0b) // DTR, RTS, interrupt gate
}

// sendByte waits until the transmitter takes c, within reason.
//
//go:nosplit
func sendByte(c byte) {
	if !uart.present {
		return
	}
	if uart.room == 0 {
		for start := nanotime(); cpu.In8(uartLSR)&lsrTHREmpty == 0; cpu.Pause() {
			if nanotime()-start > patience {
				return
			}
		}
		uart.room = uart.burst
	}
	uart.room--
	cpu.Out8(uartData, c)
}

// drain waits until all output has left the port, within reason.
//
//go:nosplit
func drain() {
	if !uart.present {
		return
	}
	for start := nanotime(); cpu.In8(uartLSR)&lsrIdle == 0 && nanotime()-start < patience/10; cpu.Pause() {
	}
}

//go:linkname printk runtime/goos.Printk
//go:nosplit
func printk(c byte) { sendByte(c) }

// receive moves what the port has into the input ring and says whether there
// was anything. What does not fit stays in the port.
func receive() bool {
	any := false
	for uart.present && uart.in-uart.out < inputBytes && cpu.In8(uartLSR)&lsrDataReady != 0 {
		uart.input[uart.in%inputBytes] = cpu.In8(uartData)
		uart.in++
		any = true
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

// Console is the serial port COM1. Bytes pass as they are, in both directions.
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
	for n < len(p) && uart.out != uart.in {
		p[n] = uart.input[uart.out%inputBytes]
		uart.out++
		n++
	}
	return n, nil
}

// Wait returns when there may be input to Read, at once if there is. Only the
// calling goroutine waits; an idle CPU halts meanwhile. For one reader at a time.
func (c Console) Wait() {
	for {
		receive()
		if uart.in != uart.out {
			return
		}
		if uart.interrupt {
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
	if !uart.present || len(p) == 0 {
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
	inputReady = make(chan struct{}, 1)
	consoleRead = readConsole
	if uart.present && routeSerial() {
		uart.interrupt = true
		cpu.Out8(uartIER, 1) // data available
	}
}
