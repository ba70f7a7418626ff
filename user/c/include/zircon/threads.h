// Zircon's name of this header: thrd_get_zx_handle.
#pragma once
#include <threads.h>
#include <zx.h>
