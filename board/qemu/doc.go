// Package qemu is board/x86 with what only QEMU has: files that the host passes by
// firmware configuration (fw_cfg), among them arguments and environment. Importing
// it makes an image bootable, on other machines too: there it finds nothing.
package qemu
