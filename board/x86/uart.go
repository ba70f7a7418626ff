//go:build tamago

package x86

import (
	"sync/atomic"

	"faultline/cpu"
)

// Registers of a 16550. Source: National Semiconductor PC16550D.
const (
	com1 cpu.Port = 0x3f8

	uartData    = 0
	uartIER     = 1
	uartFCR     = 2 // write
	uartIIR     = 2 // read
	uartLCR     = 3
	uartMCR     = 4
	uartLSR     = 5
	uartScratch = 7

	lsrDataReady = 1 << 0
	lsrTHREmpty  = 1 << 5
	lsrIdle      = 1 << 6 // nothing in the shift register either
	uartFIFO     = 16     // bytes to send once THREmpty
)

// defaultBaud is the speed of COM1 until somebody wants another.
const defaultBaud = 115200

// patience is how long a transmitter may stay full before what is written is
// dropped: longer than a reader on the host may be stopped by chance.
const patience = 10e9 // ns

// uart is the serial port in use. Guarded by conLock where more than one CPU may come.
var uart = struct {
	port      cpu.Port
	memory    uint64 // virtual address of the registers instead, if not 0
	stride    uint64
	present   bool
	interrupt bool          // the port interrupts us when input arrives
	lock      atomic.Uint32 // of the transmitter
	room      int           // bytes that the transmitter surely takes
	burst     int           // what room is once the transmitter is empty
}{port: com1}

//go:nosplit
func uartIn(reg uint16) uint8 {
	if uart.memory != 0 {
		return uint8(mmioRead(uart.memory+uint64(reg)*uart.stride, uart.stride))
	}
	return cpu.In8(uart.port + cpu.Port(reg))
}

//go:nosplit
func uartOut(reg uint16, v uint8) {
	if uart.memory != 0 {
		mmioWrite(uart.memory+uint64(reg)*uart.stride, uart.stride, uint32(v))
		return
	}
	cpu.Out8(uart.port+cpu.Port(reg), v)
}

// initUART finds out whether there is a port, and sets it to 8N1, FIFOs on if it can.
// The speed is left as it is if baud is 0.
//
//go:nosplit
func initUART(baud int) {
	uartOut(uartScratch, 0x5a)
	a := uartIn(uartScratch)
	uartOut(uartScratch, 0xa5)
	uart.present = a == 0x5a && uartIn(uartScratch) == 0xa5
	if !uart.present {
		return
	}
	uartOut(uartIER, 0)
	if baud != 0 {
		divisor := 115200 / baud // the chip's clock over 16
		uartOut(uartLCR, 0x80)   // divisor latch
		uartOut(uartData, uint8(divisor))
		uartOut(uartIER, uint8(divisor>>8))
	}
	uartOut(uartLCR, 0x03)
	// Turning the FIFOs on throws away a byte that has arrived, and whoever
	// pipes commands into the machine has long sent one. The port holds no more
	// than that one until it is read: then do without FIFOs.
	if uartIn(uartLSR)&lsrDataReady == 0 {
		uartOut(uartFCR, 0x01)
	}
	uart.burst = 1
	if uartIn(uartIIR)>>6 == 3 {
		uart.burst = uartFIFO
	}
	uartOut(uartMCR, 0x0b) // DTR, RTS, interrupt gate
}

// sendByte writes c to the screen and to the serial port, where it waits until the
// transmitter takes it, within reason.
//
//go:nosplit
func sendByte(c byte) {
	if screen.rows != 0 {
		screen.put(c)
	}
	if !uart.present {
		return
	}
	lockUART()
	if uart.room == 0 && waitEmpty() {
		uart.room = uart.burst
	}
	if uart.room > 0 {
		uart.room--
		uartOut(uartData, c)
	}
	uart.lock.Store(0)
}

// lockUART takes the transmitter; whoever has it is nosplit, so that it does not lose
// its CPU. A holder that was stopped for a fatal report never gives it back: then
// the report goes on without.
//
//go:nosplit
func lockUART() {
	for tries := 0; !uart.lock.CompareAndSwap(0, 1) && tries < 1e6; tries++ {
		cpu.Pause()
	}
}

// waitEmpty waits until the transmitter is empty, and says whether it is.
//
//go:nosplit
func waitEmpty() bool {
	for start := Nanotime(); uartIn(uartLSR)&lsrTHREmpty == 0; cpu.Pause() {
		if Nanotime()-start > patience {
			return false
		}
	}
	return true
}

// drain waits until all output has left the port, within reason.
//
//go:nosplit
func drain() {
	if !uart.present {
		return
	}
	for start := Nanotime(); uartIn(uartLSR)&lsrIdle == 0 && Nanotime()-start < patience/10; cpu.Pause() {
	}
}
