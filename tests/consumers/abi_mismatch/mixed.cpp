#include <tandem/core/error.hpp>

std::uint64_t total(tandem::error& e);

int main() {
  tandem::error e(tandem::errc::io_error, "message");
  return static_cast<int>(total(e));
}
