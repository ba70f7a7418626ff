// A Rust program without a library at all: two system calls.
#![no_std]
#![no_main]

use core::arch::asm;

unsafe fn call(number: u64, a: u64, b: u64) {
    asm!("syscall", inlateout("rax") number => _, in("rdi") a, in("rsi") b, out("rcx") _, out("r11") _);
}

// The numbers are those of docs/abi.md.
const DEBUG_WRITE: u64 = 59;
const PROCESS_EXIT: u64 = 45;

static WORDS: [&str; 2] = ["Rust alone ", "runs\n"]; // pointers, which must be relocated

#[no_mangle]
pub unsafe extern "C" fn _start(_block: *const u8) -> ! {
    for word in WORDS.iter() {
        call(DEBUG_WRITE, word.as_ptr() as u64, word.len() as u64);
    }
    call(PROCESS_EXIT, 0, 0);
    loop {}
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
