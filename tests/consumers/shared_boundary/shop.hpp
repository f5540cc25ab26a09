#pragma once
// The shared library's own surface: nothing of tandem in it.
#include <cstddef>

#define SHOP_API __attribute__((visibility("default")))

SHOP_API std::size_t shop_use();
/// Throws tandem::error.
SHOP_API void shop_fail();
