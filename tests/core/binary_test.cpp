#include "tandem/core/binary.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/saved.hpp"
#include "tandem/core/ids.hpp"

using namespace tandem;
using tandem_test::bytes;
using tandem_test::is_refused;
using tandem_test::read_from;
using tandem_test::written;

namespace {

enum class colour : std::uint8_t { red, green, blue };

struct point {
  std::int32_t x = 0;
  double y = 0;

  void save(byte_writer& out) const {
    out.put(x);
    out.put(y);
  }
  static point load(byte_reader& in) {
    const auto x = in.get<std::int32_t>();
    return {x, in.get<double>()};
  }
  bool operator==(const point&) const = default;
};

// one byte each; counts how many were made
struct grain {
  static inline std::size_t made = 0;
  std::array<std::byte, 1024> weight{};
  grain() { ++made; }
  static grain load(byte_reader& in) {
    grain out;
    out.weight[0] = in.get<std::byte>();
    return out;
  }
};

bytes of(std::initializer_list<int> values) {
  bytes out;
  for (const int v : values) out.push_back(static_cast<std::byte>(v));
  return out;
}

std::string what_of(const bytes& from, const std::function<void(byte_reader&)>& read) {
  try {
    (void)read_from(from, [&](byte_reader& in) {
      read(in);
      return 0;
    });
  } catch (const error& e) {
    CHECK(e.code() == errc::bad_format);
    return e.what();
  }
  return {};
}

}  // namespace

TEST_CASE("the layout is little-endian, without padding, with counts of 64 bits") {
  const bytes out = written([](byte_writer& to) {
    to.put(std::uint32_t{0x01020304});
    to.put(true);
    to.put(colour::blue);
    to.put(1.0F);
    to.text("ab");
    to.put(std::vector<std::int16_t>{-2});
    to.section("x");
  });
  CHECK(out == of({4, 3, 2,   1,   1, 2, 0, 0, 0x80, 0x3F, 2, 0, 0,    0,    0, 0,
                   0, 0, 'a', 'b', 1, 0, 0, 0, 0,    0,    0, 0, 0xFE, 0xFF, 1, 'x'}));
}

TEST_CASE("what is written is read, whatever runs it comes in") {
  const std::vector<double> numbers = {0.0, -0.0, 1e-310, std::numeric_limits<double>::infinity()};
  const std::vector<point> points = {{1, 2.5}, {-7, 0.1}};
  const std::vector<std::vector<std::uint32_t>> rows = {{}, {1, 2}, {3}};
  const bytes whole = written([&](byte_writer& to) {
    to.section("part");
    to.put(numbers);
    to.put(std::numeric_limits<float>::quiet_NaN());
    to.put(points);
    to.put(rows);
    to.text(std::string("a\0b", 3));
    to.put(item_index{7});
    to.put(from_millis(-5));
    to.values(std::span<const double>(numbers));
  });
  for (const std::size_t run : {1U, 2U, 3U, 7U, 64U, 100000U}) {
    const int read = read_from(
        whole,
        [&](byte_reader& in) {
          in.section("part");
          const auto same = in.get_vector<double>(4);
          CHECK(same == numbers);
          CHECK(std::signbit(same[1]));
          CHECK(std::bit_cast<std::uint32_t>(in.get<float>()) ==
                std::bit_cast<std::uint32_t>(std::numeric_limits<float>::quiet_NaN()));
          CHECK(in.get<std::vector<point>>() == points);
          CHECK(in.get<std::vector<std::vector<std::uint32_t>>>() == rows);
          CHECK(in.text(3) == std::string("a\0b", 3));
          CHECK(in.get<item_index>() == item_index{7});
          CHECK(in.get<timestamp>() == from_millis(-5));
          std::array<double, 4> rest{};
          in.values(std::span<double>(rest));
          CHECK(rest[2] == 1e-310);
          CHECK(in.position() == whole.size());
          return 1;
        },
        run);
    CHECK(read == 1);
  }
}

TEST_CASE("a writer hands on runs of 64 KiB and the rest when it is finished") {
  std::vector<std::size_t> runs;
  bytes all;
  auto sink = [&](std::span<const std::byte> run) {
    runs.push_back(run.size());
    all.insert(all.end(), run.begin(), run.end());
  };
  byte_writer out(sink);
  std::vector<std::uint32_t> many(50000);
  for (std::uint32_t i = 0; i < many.size(); ++i) many[i] = i * i;
  out.put(many);
  CHECK(runs == std::vector<std::size_t>{65536, 65536, 65536});
  out.finish();
  out.finish();
  CHECK(runs == std::vector<std::size_t>{65536, 65536, 65536, 200008 - 3 * 65536});
  CHECK(read_from(all, [](byte_reader& in) { return in.get_vector<std::uint32_t>(); }) == many);
}

TEST_CASE("bytes that end too early, or go on, are an error that says where") {
  const bytes whole = written([](byte_writer& to) {
    to.section("part");
    to.put(std::uint64_t{1});
  });
  const auto read = [](byte_reader& in) {
    in.section("part");
    return in.get<std::uint64_t>();
  };
  for (std::size_t n = 0; n < whole.size(); ++n) CHECK(is_refused(std::span(whole).first(n), read));
  CHECK_FALSE(is_refused(whole, read));
  bytes longer = whole;
  longer.push_back(std::byte{0});
  CHECK(is_refused(longer, read));
  CHECK(what_of(bytes(whole.begin(), whole.end() - 1), [&](byte_reader& in) { (void)read(in); }) ==
        "field 'part': the bytes end too early, before byte 12; the bytes are damaged, or not what is read here: take "
        "an earlier copy");
}

TEST_CASE("another part than the expected one is an error that names the expected one") {
  const bytes whole = written([](byte_writer& to) { to.section("trend"); });
  for (const char* other : {"trenD", "tren", "trends", ""}) {
    const std::string what = what_of(whole, [&](byte_reader& in) { in.section(other); });
    CHECK(what.find("another part begins here") != std::string::npos);
    CHECK(what.find(other) != std::string::npos);
  }
}

TEST_CASE("a value that no such type has is an error") {
  const auto of_byte = [](auto read) { return is_refused(of({3}), read); };
  CHECK(of_byte([](byte_reader& in) { return in.get<bool>(); }));
  CHECK(of_byte([](byte_reader& in) { return in.get_up_to(colour::blue); }));
  CHECK(is_refused(of({0, 0, 0x80, 0x7F}), [](byte_reader& in) { return in.get_finite<float>(); }));
  CHECK(is_refused(of({0, 0, 0, 0, 0, 0, 0, 0x40}), [](byte_reader& in) { return in.get<timestamp>(); }));
  CHECK(read_from(of({2}), [](byte_reader& in) { return in.get_up_to(colour::blue); }) == colour::blue);
}

TEST_CASE("a count beyond what is allowed is refused, and one beyond what is there allocates little") {
  const bytes three = written([](byte_writer& to) { to.text("abc"); });
  CHECK(is_refused(three, [](byte_reader& in) { return in.text(2); }));
  CHECK(is_refused(three, [](byte_reader& in) { return in.get_vector<char>(2); }));
  for (const std::uint64_t count : {std::uint64_t{11}, std::uint64_t{1} << 34U, std::uint64_t{1} << 60U}) {
    bytes few = written([&](byte_writer& to) { to.put(count); });
    few.resize(few.size() + 10);
    grain::made = 0;
    CHECK(is_refused(few, [](byte_reader& in) { return in.get_vector<grain>(); }));
    CHECK(grain::made < 200);
    CHECK(is_refused(few, [](byte_reader& in) { return in.get_vector<double>(); }));
    CHECK(is_refused(few, [](byte_reader& in) { return in.text(); }));
    CHECK(is_refused(few, [](byte_reader& in) { return in.get<std::vector<std::vector<int>>>(); }));
  }
}
