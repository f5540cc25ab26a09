#pragma once
// The one key a host keeps: everything a key ring holds is wrapped by it. Compiled, with libsodium: link
// tandem::sqlite.

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "tandem/core/config.hpp"

TANDEM_BEGIN

/// 32 secret bytes, in memory that is kept out of swap and core dumps where the system allows it, stands between
/// guard pages and is zeroed when freed. Nothing gives them back. A key must be drawn at random (`openssl rand -hex
/// 32`); a password is not one. What it was made from is the host's to wipe.
class master_key {
 public:
  static constexpr std::size_t size = 32;

  /// Errors: invalid_argument, unless there are 32 bytes that are not all zero; io_error, when the system has no
  /// source of randomness; std::bad_alloc.
  [[nodiscard]] static master_key from_bytes(std::span<const std::byte> bytes);
  /// From 64 hexadecimal digits, of either case, and nothing else. Errors: as from_bytes(); none repeats the text.
  [[nodiscard]] static master_key from_hex(std::string_view digits);

  /// What was moved from may only be destroyed or assigned to.
  master_key(master_key&&) noexcept = default;
  master_key& operator=(master_key&&) noexcept = default;
  master_key(const master_key&) = delete;
  master_key& operator=(const master_key&) = delete;
  ~master_key() = default;

 private:
  friend class key_ring;
  struct wipe {
    void operator()(unsigned char* at) const noexcept;
  };

  master_key();
  std::unique_ptr<unsigned char[], wipe> bytes_;
};

TANDEM_END
