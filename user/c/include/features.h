// features.h: what libstdc++ asks of the C library it finds: this is not glibc.
#ifndef ZX_FEATURES_H_
#define ZX_FEATURES_H_

#define __GLIBC_PREREQ(major, minor) 0

#endif  // ZX_FEATURES_H_
