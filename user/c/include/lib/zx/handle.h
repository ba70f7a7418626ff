// Zircon's name of this header; all of it is in zx/objects.h.
#pragma once
#include <zx/objects.h>
