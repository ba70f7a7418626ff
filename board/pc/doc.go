// Package pc is any x86-64 PC that has ACPI: board/x86, and what the firmware's tables
// say of the machine: its CPUs, I/O APIC, serial console, how it is turned off.
//
// Without ACPI, or with tables that are broken, the machine runs on what board/x86
// assumes, and says so.
package pc
