#pragma once
// Memory for keys, and what is done with one: wrap it, seal under it.

#include <sodium.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace detail::keys {

inline constexpr std::size_t key_size = 32, mark_size = 4;
inline constexpr std::size_t nonce_size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
inline constexpr std::size_t tag_size = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(key_size == crypto_aead_xchacha20poly1305_ietf_KEYBYTES && key_size == crypto_kdf_KEYBYTES);

using key_bytes = std::array<unsigned char, key_size>;
using wrapped_key = std::array<unsigned char, nonce_size + key_size + tag_size>;

// A key and the mark that what it sealed begins with: tells an erased key from damage.
struct marked_key {
  key_bytes key;
  std::array<unsigned char, mark_size> mark;

  void set_mark() noexcept;
};

// Makes libsodium ready. Errors: io_error, when the system has no source of randomness.
void start_sodium();

// An array of T between guard pages, locked where the system lets us, zeroed when freed. Errors: std::bad_alloc.
template <class T>
class secret {
 public:
  explicit secret(std::size_t n = 1) : at_(static_cast<T*>(sodium_allocarray(n, sizeof(T)))) {
    if (at_ == nullptr) throw std::bad_alloc();
    sodium_memzero(at_, n * sizeof(T));
  }
  secret(const secret&) = delete;
  secret& operator=(const secret&) = delete;
  ~secret() { sodium_free(at_); }

  T& operator[](std::size_t i) noexcept { return at_[i]; }
  const T& operator[](std::size_t i) const noexcept { return at_[i]; }
  T& operator*() noexcept { return *at_; }
  const T& operator*() const noexcept { return *at_; }
  T* operator->() noexcept { return at_; }

 private:
  T* at_;
};

// A copy on the stack that wipes itself.
template <class T>
struct passing {
  T value{};

  passing() = default;
  explicit passing(const T& from) : value(from) {}
  passing(const passing&) = delete;
  passing& operator=(const passing&) = delete;
  ~passing() { sodium_memzero(&value, sizeof value); }
};

inline const unsigned char* bytes(std::string_view x) noexcept {
  return reinterpret_cast<const unsigned char*>(x.data());
}
template <std::size_t n>
std::string_view view(const std::array<unsigned char, n>& x) noexcept {
  return {reinterpret_cast<const char*>(x.data()), n};
}

// Keyed BLAKE2b-256.
void keyed_hash(const key_bytes& key, std::string_view text, std::array<unsigned char, 32>& out) noexcept;

wrapped_key wrap(const key_bytes& wrapping, const key_bytes& key, std::string_view associated) noexcept;
// False: not this key's, or damaged.
[[nodiscard]] bool unwrap(const key_bytes& wrapping, std::string_view wrapped, std::string_view associated,
                          key_bytes& out) noexcept;

std::string seal_with(const marked_key& key, std::string_view plain, std::string_view associated);
// Errors: not_found, when another key sealed it; damaged.
std::string open_with(const marked_key& key, std::string_view sealed, std::string_view associated);

}  // namespace detail::keys
TANDEM_END
