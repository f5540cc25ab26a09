// src/store/codec.hpp: what a row may not say, even under a checksum that is right.

#include "codec.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::detail::file;

namespace {

const name_lists& names() {
  static const name_lists all{{"ada"}, {"kettle"}, {"view"}};
  return all;
}

// the body of an event, an answer or a clock that tells this time
std::string body_at(entry_kind kind, std::int64_t millis) {
  std::string text;
  body_writer out(text);
  if (kind == entry_kind::event) {
    out.byte(0);
    out.number(1);
    out.number(1);
  } else if (kind == entry_kind::answer) {
    out.byte(0);
    out.number(7);
    out.text("ada");
    out.byte(0);
  }
  out.signed_number(millis);
  if (kind == entry_kind::answer) {
    for (int zeros = 0; zeros < 8; ++zeros) out.number(0);
  }
  return text;
}

template <class F>
std::optional<errc> failure(F&& f) {
  try {
    f();
  } catch (const error& e) {
    return e.code();
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("a time whose distance from another is no duration is damage") {
  using limits = std::numeric_limits<std::int64_t>;
  constexpr std::int64_t most = std::int64_t{1} << 61U;
  for (const auto kind : {entry_kind::event, entry_kind::answer, entry_kind::clock}) {
    const auto read = [&](std::int64_t millis) {
      const std::string body = body_at(kind, millis);
      return failure([&] {
        decoder at(names());
        (void)at.read({9, static_cast<std::uint8_t>(kind), 1, body});
      });
    };
    CAPTURE(static_cast<int>(kind));
    for (const std::int64_t millis : {limits::min(), -most - 1, most + 1, limits::max()}) {
      CHECK(read(millis) == errc::damaged);
    }
    for (const std::int64_t millis : {-most, std::int64_t{0}, most}) CHECK(read(millis) == std::nullopt);
  }
  const std::string body = body_at(entry_kind::event, limits::min());
  CHECK(failure([&] { (void)read_bare_event({9, 1, 1, body}); }) == errc::damaged);
}
