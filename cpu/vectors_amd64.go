package cpu

import "fmt"

// vectorEntryBytes is the size of one entry of vectors_amd64.s.
const vectorEntryBytes = 16

// vectorTableFast and vectorTableSlow are the tables themselves, never called.
func vectorTableFast()
func vectorTableSlow()

// vectorsFast and vectorsSlow are the addresses of the two tables of 256
// fixed-size entries, entry v at v*vectorEntryBytes.
func vectorsFast() uint64
func vectorsSlow() uint64

// checkVectors panics unless every entry of the table at addr pushes its own
// number, behind a zero exactly for the vectors without error code.
func checkVectors(addr uint64) {
	for v := Vector(0); v < VectorCount; v++ {
		code := codeAt(addr+uint64(v)*vectorEntryBytes, vectorEntryBytes)
		got, pushesZero := decodeVectorEntry(code)
		if got != v || pushesZero == v.HasErrorCode() {
			panic(fmt.Sprintf("cpu.checkVectors: entry of vector %d is % x", v, code))
		}
	}
}

// decodeVectorEntry reads one entry: [PUSH 0] PUSH vector, JMP.
func decodeVectorEntry(code []byte) (v Vector, pushesZero bool) {
	const pushByte, pushLong, jump = 0x6a, 0x68, 0xe9
	if code[0] == pushByte && code[1] == 0 && (code[2] == pushByte || code[2] == pushLong) {
		pushesZero = true
		code = code[2:]
	}
	switch {
	case code[0] == pushByte && code[1] < 0x80 && code[2] == jump:
		return Vector(code[1]), pushesZero
	case code[0] == pushLong && code[5] == jump:
		return Vector(uint32(code[1]) | uint32(code[2])<<8 | uint32(code[3])<<16 | uint32(code[4])<<24), pushesZero
	}
	return VectorStart, pushesZero
}
