// A Rust library for a C program: no_std, over the C library of the SDK.
#![no_std]

use core::ffi::{c_char, c_int, c_void};

extern "C" {
    fn malloc(n: usize) -> *mut c_void;
    fn free(p: *mut c_void);
    fn printf(format: *const c_char, ...) -> c_int;
}

#[no_mangle]
pub unsafe extern "C" fn main(_argc: c_int, _argv: *const *const c_char) -> c_int {
    let p = malloc(8 * 100) as *mut u64;
    for i in 0..100 {
        *p.add(i) = (i * i) as u64;
    }
    let sum: u64 = (0..100).map(|i| *p.add(i)).sum();
    free(p as *mut c_void);
    printf(c"Rust over the C library: %lu\n".as_ptr(), sum);
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
