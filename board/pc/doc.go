// Package pc is any x86-64 PC that has ACPI: board/x86, and what the firmware's tables
// say of the machine: its CPUs, I/O APIC, serial console, how it is turned off.
//
// Without ACPI, or with tables that are broken, the machine runs on what board/x86
// assumes, and says so.
//
// Two tables are checked and not used. HPET: the clock is set up before the runtime
// starts, when no table has been read; every chipset has its HPET where board/x86 looks,
// and without one it takes the PIT. MCFG: the drivers want the first 256 bytes of a
// function's configuration, which the ports 0xcf8 and 0xcfc reach on every PC.
package pc
