#pragma once
#include <bits/localefwd.h>
