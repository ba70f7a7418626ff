package x86

import "faultline/zx"

// Firmware is what firmware's tables say of the machine.
type Firmware struct {
	Name    string // who made the machine
	IOAPIC  zx.PhysAddr
	GSIBase uint32     // of that I/O APIC
	GSI     [16]uint32 // where ISA interrupts arrive
	CPUs    []uint32   // local APIC IDs; nil if nobody knows
	Serial  *SerialPort
	Power   Power
	// HostBridges is how many buses of PCI the CPUs reach without a bridge of PCI.
	HostBridges int
	Problems    []error // what could not be believed
}

// Platform is the machine's. A board that reads the tables fills it in before Open; without,
// it is as every PC used to be.
var Platform = Firmware{
	IOAPIC: chipset,
	GSI:    [16]uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	// PM1a control of the PIIX4 (pc) and ICH9 (q35) where SeaBIOS puts the power
	// management ports; type 0 is S5 on both.
	Power: Power{PM1a: 0x604},
}

// SerialPort is a 16550: by ports, or by memory if Port is 0.
type SerialPort struct {
	Port   uint16
	Memory zx.PhysAddr
	Stride uint64 // bytes between registers in memory
	Baud   int    // 0 leaves the speed as firmware set it
}

// Power is how the machine is turned off and reset: port numbers, 0 for what there
// is not. Source: ACPI 6.5, 4.8.3.
type Power struct {
	PM1a, PM1b   uint16 // control registers
	TypeA, TypeB uint8  // sleep types of soft off
	SMIPort      uint16 // SMIEnable written here turns ACPI on
	SMIEnable    uint8
	SleepPort    uint16 // of reduced hardware, instead of PM1
	SleepType    uint8
	ResetPort    uint16
	ResetValue   uint8
}
