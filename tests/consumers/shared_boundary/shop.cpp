#include "shop.hpp"

#include "use.hpp"

std::size_t shop_use() { return use_tandem(24); }
void shop_fail() { tandem::engine never({.rank = 0}); }
