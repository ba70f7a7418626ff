// Package unikernel boots machine and kernel in one call, for programs that have
// the kernel's rooms in their own image:
//
//	func main() {
//		unikernel.Run(func(s *unikernel.System) error {
//			fmt.Println("running on", s.Machine.Memory.RAM()>>20, "MiB")
//			return nil
//		})
//	}
//
// docs/embedding.md tells how such a program is built and booted; examples/ holds
// whole ones. Everything below is made for GOOS=tamago alone.
package unikernel
