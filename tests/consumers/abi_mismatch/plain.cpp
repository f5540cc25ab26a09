#include <tandem/core/error.hpp>

std::uint64_t total(tandem::error& e) { return e.where().line; }
