// What is done with keys, by libsodium.

#include "secret.hpp"

#include <algorithm>

#include "tandem/core/error.hpp"

TANDEM_BEGIN
namespace detail::keys {

void start_sodium() {
  if (sodium_init() < 0) {
    throw error(errc::io_error, "the system has no source of random bytes", {}, "make /dev/urandom readable");
  }
}

void keyed_hash(const key_bytes& key, std::string_view text, std::array<unsigned char, 32>& out) noexcept {
  (void)crypto_generichash(out.data(), out.size(), bytes(text), text.size(), key.data(), key.size());
}

void marked_key::set_mark() noexcept {
  std::array<unsigned char, 32> hash{};
  keyed_hash(key, "tandem key mark", hash);
  std::copy_n(hash.begin(), mark.size(), mark.begin());
}

wrapped_key wrap(const key_bytes& wrapping, const key_bytes& key, std::string_view associated) noexcept {
  wrapped_key out;
  randombytes_buf(out.data(), nonce_size);
  (void)crypto_aead_xchacha20poly1305_ietf_encrypt(out.data() + nonce_size, nullptr, key.data(), key.size(),
                                                   bytes(associated), associated.size(), nullptr, out.data(),
                                                   wrapping.data());
  return out;
}

bool unwrap(const key_bytes& wrapping, std::string_view wrapped, std::string_view associated, key_bytes& out) noexcept {
  if (wrapped.size() != wrapped_key().size()) return false;
  return crypto_aead_xchacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, bytes(wrapped) + nonce_size,
                                                    wrapped.size() - nonce_size, bytes(associated), associated.size(),
                                                    bytes(wrapped), wrapping.data()) == 0;
}

std::string seal_with(const marked_key& key, std::string_view plain, std::string_view associated) {
  std::string out(mark_size + nonce_size + plain.size() + tag_size, '\0');
  auto* const at = reinterpret_cast<unsigned char*>(out.data());
  std::copy_n(key.mark.begin(), mark_size, at);
  randombytes_buf(at + mark_size, nonce_size);
  (void)crypto_aead_xchacha20poly1305_ietf_encrypt(at + mark_size + nonce_size, nullptr, bytes(plain), plain.size(),
                                                   bytes(associated), associated.size(), nullptr, at + mark_size,
                                                   key.key.data());
  return out;
}

std::string open_with(const marked_key& key, std::string_view sealed, std::string_view associated) {
  constexpr std::size_t head = mark_size + nonce_size;
  if (sealed.size() < head + tag_size) {
    throw error(errc::damaged, "sealed bytes are too short", {}, "take them from an earlier copy");
  }
  if (sealed.substr(0, mark_size) != view(key.mark)) {
    throw error(errc::not_found, "was sealed under a key that is erased, or of another key ring");
  }
  std::string out(sealed.size() - head - tag_size, '\0');
  auto* const to = reinterpret_cast<unsigned char*>(out.data());
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(to, nullptr, nullptr, bytes(sealed) + head, sealed.size() - head,
                                                 bytes(associated), associated.size(), bytes(sealed) + mark_size,
                                                 key.key.data()) != 0) {
    throw error(errc::damaged, "sealed bytes are changed, or were moved from another row", {},
                "take them from an earlier copy");
  }
  return out;
}

}  // namespace detail::keys
TANDEM_END
