#include "tandem/core/utf8.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;

namespace {

// The one encoding of a code point, by the definition of the form (Unicode 15, table 3-6).
std::string encode(std::uint32_t c) {
  const auto byte = [](std::uint32_t b) { return static_cast<char>(static_cast<unsigned char>(b)); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | (c >> 6)), byte(0x80 | (c & 0x3F))};
  if (c < 0x10000) return {byte(0xE0 | (c >> 12)), byte(0x80 | ((c >> 6) & 0x3F)), byte(0x80 | (c & 0x3F))};
  return {byte(0xF0 | (c >> 18)), byte(0x80 | ((c >> 12) & 0x3F)), byte(0x80 | ((c >> 6) & 0x3F)),
          byte(0x80 | (c & 0x3F))};
}

bool is_scalar(std::uint32_t c) { return c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF); }

// A slow judge: text is well formed when decoding and encoding it gives it back.
bool reference(std::string_view text) {
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text[0]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (text.size() < length) return false;
    std::uint32_t c = length == 1 ? lead : lead & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) c = (c << 6) | (static_cast<unsigned char>(text[i]) & 0x3FU);
    if (!is_scalar(c) || encode(c) != text.substr(0, length)) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

TEST_CASE("every character is UTF-8, alone and amid text") {
  for (std::uint32_t c = 0; c <= 0x10FFFF; ++c) {
    if (!is_scalar(c)) continue;
    const std::string text = encode(c);
    if (!is_utf8(text) || !is_utf8("seven b" + text + " and more")) FAIL("U+" << std::hex << c);
    if (text.size() > 1 && is_utf8(std::string_view(text).substr(0, text.size() - 1))) FAIL("cut: U+" << std::hex << c);
  }
  CHECK(is_utf8(""));
}

TEST_CASE("surrogates and code points past the last are not UTF-8") {
  for (std::uint32_t c = 0xD800; c <= 0xDFFF; ++c) CHECK_FALSE(is_utf8(encode(c)));
  for (const std::uint32_t c : {0x110000U, 0x13FFFFU, 0x1FFFFFU}) CHECK_FALSE(is_utf8(encode(c)));
}

TEST_CASE("every text of up to three bytes is judged as by decoding it") {
  std::string text;
  std::uint64_t wrong = 0;
  for (std::uint32_t n = 1; n <= 3; ++n) {
    text.resize(n);
    for (std::uint32_t bits = 0; bits < (1U << (8 * n)); ++bits) {
      for (std::uint32_t i = 0; i < n; ++i) text[i] = static_cast<char>(static_cast<unsigned char>(bits >> (8 * i)));
      wrong += is_utf8(text) != reference(text) ? 1U : 0U;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("texts of four bytes are judged as by decoding them") {
  constexpr std::array<unsigned, 8> edges{0x00, 0x41, 0x7F, 0x80, 0x8F, 0xBF, 0xC0, 0xFF};
  std::string text(4, '\0');
  std::uint64_t wrong = 0;
  for (unsigned lead = 0; lead < 256; ++lead) {
    for (unsigned second = 0; second < 256; ++second) {
      for (const unsigned third : edges) {
        for (const unsigned fourth : edges) {
          std::size_t i = 0;
          for (const unsigned b : {lead, second, third, fourth}) {
            text[i++] = static_cast<char>(static_cast<unsigned char>(b));
          }
          wrong += is_utf8(text) != reference(text) ? 1U : 0U;
        }
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("one bad byte is found wherever it stands") {
  for (std::size_t length = 1; length < 40; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      std::string text(length, 'a');
      text[at] = '\x80';
      CHECK_FALSE(is_utf8(text));
      text[at] = '\xFF';
      CHECK_FALSE(is_utf8(text));
      text[at] = '\0';  // a byte like any other
      CHECK(is_utf8(text));
    }
  }
}

TEST_CASE("random damage to long texts is judged as by decoding them") {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    random_stream random(seed);
    std::string text;
    while (text.size() < 60) {
      const auto c = static_cast<std::uint32_t>(random.below(random.below(2) == 0 ? 0x80 : 0x110000));
      if (is_scalar(c)) text += encode(c);
    }
    REQUIRE(is_utf8(text));
    text[random.below(text.size())] = static_cast<char>(static_cast<unsigned char>(random.below(256)));
    REQUIRE(is_utf8(text) == reference(text));
    text.resize(random.below(text.size()));
    REQUIRE(is_utf8(text) == reference(text));
  }
}
