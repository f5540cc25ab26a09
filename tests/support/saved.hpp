#pragma once
// What a class writes of itself, and two claims about it: it goes on with the same bits, and damage does no harm.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/binary.hpp"
#include "tandem/core/random.hpp"

namespace tandem_test {

using bytes = std::vector<std::byte>;

/// What write(byte_writer&) writes.
template <class Write>
bytes written(Write&& write) {
  bytes out;
  auto sink = [&](std::span<const std::byte> run) { out.insert(out.end(), run.begin(), run.end()); };
  tandem::byte_writer writer(sink);
  write(writer);
  writer.finish();
  return out;
}

template <class T>
bytes saved(const T& value) {
  return written([&](tandem::byte_writer& out) { value.save(out); });
}

/// What read(byte_reader&) makes of all of `from`, which comes in runs of at most `run` bytes.
template <class Read>
auto read_from(std::span<const std::byte> from, Read&& read, std::size_t run = 1000) {
  auto source = [&] {
    const auto out = from.first(std::min(run, from.size()));
    from = from.subspan(out.size());
    return out;
  };
  tandem::byte_reader reader(source);
  auto out = read(reader);
  reader.finish();
  return out;
}

/// Whether reading fails, as bad_format and in no other way.
template <class Read>
bool is_refused(std::span<const std::byte> from, Read&& read) {
  try {
    (void)read_from(from, read);
  } catch (const tandem::error& e) {
    REQUIRE(e.code() == tandem::errc::bad_format);
    return true;
  }
  return false;
}

/// make() lives through random step(value, random); at some moment it is saved and loaded, and both go through the same
/// steps: ask(value, random) must give equal answers, and both must save the same bytes.
template <class Make, class Step, class Ask, class Load>
void check_goes_on(Make&& make, Step&& step, Ask&& ask, Load&& load, std::uint64_t seeds = 40, int steps = 300) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    tandem::random_stream random(seed);
    auto never_closed = make();
    for (auto n = random.below(static_cast<std::uint64_t>(steps)); n > 0; --n) step(never_closed, random);
    const bytes at_rest = saved(never_closed);
    auto opened = read_from(at_rest, load, 1 + random.below(100));
    REQUIRE(saved(opened) == at_rest);
    tandem::random_stream same = random;
    for (int k = 0; k < steps; ++k) {
      step(never_closed, random);
      step(opened, same);
      if (k % 10 == 0) REQUIRE(ask(never_closed, random) == ask(opened, same));
    }
    REQUIRE(saved(never_closed) == saved(opened));
  }
}

/// Every truncation of `whole` is refused. A byte changed is refused too, or leaves a value that use(value, random)
/// can use.
template <class Load, class Use>
void check_damage(const bytes& whole, Load&& load, Use&& use, std::uint64_t changes = 3000) {
  for (std::size_t n = 0; n < whole.size(); ++n) {
    INFO("cut after byte " << n);
    REQUIRE(is_refused(std::span(whole).first(n), load));
  }
  for (std::uint64_t seed = 0; seed < changes; ++seed) {
    tandem::random_stream random(seed, 1);
    bytes damaged = whole;
    const std::size_t at = random.below(whole.size());
    damaged[at] ^= static_cast<std::byte>(1 + random.below(255));
    INFO("byte " << at << " changed, seed " << seed);
    if (is_refused(damaged, load)) continue;
    auto value = read_from(damaged, load);
    use(value, random);
    REQUIRE(saved(value).size() > 0);
  }
}

}  // namespace tandem_test
