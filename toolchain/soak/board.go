//go:build tamago && board

package main

import _ "faultline/board/qemu" // with -tags board: run on it
