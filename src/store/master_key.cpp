// The host's key, read and kept.

#include "tandem/store/master_key.hpp"

#include <algorithm>
#include <new>

#include "secret.hpp"
#include "tandem/core/error.hpp"

TANDEM_BEGIN
namespace {

[[noreturn]] void refuse(const char* what) {
  throw error(errc::invalid_argument, what, {{}, 0, "master_key"}, "give 32 random bytes: openssl rand -hex 32");
}

}  // namespace

void master_key::wipe::operator()(unsigned char* at) const noexcept { sodium_free(at); }

master_key::master_key() {
  detail::keys::start_sodium();
  bytes_.reset(static_cast<unsigned char*>(sodium_malloc(size)));
  if (bytes_ == nullptr) throw std::bad_alloc();
}

master_key master_key::from_bytes(std::span<const std::byte> bytes) {
  if (bytes.size() != size) refuse("is not 32 bytes long");
  master_key out;
  std::transform(bytes.begin(), bytes.end(), out.bytes_.get(),
                 [](std::byte b) { return std::to_integer<unsigned char>(b); });
  if (sodium_is_zero(out.bytes_.get(), size) != 0) refuse("is all zero");
  return out;
}

master_key master_key::from_hex(std::string_view digits) {
  if (digits.size() != 2 * size) refuse("is not 64 digits long");
  master_key out;
  std::size_t n = 0;
  if (sodium_hex2bin(out.bytes_.get(), size, digits.data(), digits.size(), nullptr, &n, nullptr) != 0 || n != size) {
    refuse("has a character that is not a hexadecimal digit");
  }
  if (sodium_is_zero(out.bytes_.get(), size) != 0) refuse("is all zero");
  return out;
}

TANDEM_END
