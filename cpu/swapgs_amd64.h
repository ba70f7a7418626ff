// SWAPGS appears in these two macros and nowhere else.
//
// In ring 0 GS is our block, and IA32_KERNEL_GS_BASE holds the user's base;
// in ring 3 the other way round. Around each swap there are a few instructions
// where ring 0 runs with the user's GS. Ring 0 has IF=0, so only an exception
// can strike there:
//
//   NMI, #DF, #MC  run on stacks of their own (IST) and end in fatalTrap, which
//                  finds the block by its address, never by GS, and writes all
//                  three bases before it calls Go. They do not return.
//   #DB            cannot: DR7 is never armed by ring 3, SYSCALL clears TF by
//                  IA32_FMASK and interrupt gates clear it too.
//   anything else  is a kernel bug: trapFast and trapSlow see CS of ring 0 in
//                  the frame before they touch GS and go to fatalTrap as well.

#define SWAPGS_TO_KERNEL SWAPGS
#define SWAPGS_TO_USER SWAPGS

// SYSRET with a REX.W prefix: back to 64-bit mode. Go's SYSRET has none.
#define SYSRETQ BYTE $0x48; SYSRET
