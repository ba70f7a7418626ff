// The last calls of a thread whose stack another may take, or that goes: they
// touch no memory but what they are told.

#include <zx/syscalls.h>

	.text
	.globl zx_vmar_unmap_handle_close_thread_exit
	.type zx_vmar_unmap_handle_close_thread_exit, @function
zx_vmar_unmap_handle_close_thread_exit:	// (vmar, addr, size, close_handle)
	mov %ecx, %r8d
	mov $ZX_SYS_vmar_unmap, %eax
	syscall
	test %eax, %eax
	jz 1f
	ret
1:	mov %r8d, %edi
	mov $ZX_SYS_handle_close, %eax
	syscall
	mov $ZX_SYS_thread_exit, %eax
	syscall
	ud2
	.size zx_vmar_unmap_handle_close_thread_exit, . - zx_vmar_unmap_handle_close_thread_exit

	.globl zx_futex_wake_handle_close_thread_exit
	.type zx_futex_wake_handle_close_thread_exit, @function
zx_futex_wake_handle_close_thread_exit:	// (value_ptr, wake_count, new_value, close_handle)
	mov %ecx, %r8d
	mov %edx, (%rdi)
	mov $ZX_SYS_futex_wake, %eax
	syscall
	jmp 1b
	.size zx_futex_wake_handle_close_thread_exit, . - zx_futex_wake_handle_close_thread_exit

	.section .note.GNU-stack, "", @progbits
