//go:build tamago

package x86_test

import _ "faultline/board/qemu" // the tests' flags come by its firmware configuration
