// Zircon's name of this header; all of it is in zx.h.
#pragma once
#include <zx.h>
