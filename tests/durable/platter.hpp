#pragma once
// A file on the platter: what was synced, and what came later and may be lost, torn or reordered.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/core/random.hpp"

namespace tandem_test {

/// A change that no sync has confirmed yet.
struct unsynced {
  enum class kind : std::uint8_t { create, write, truncate, remove };
  kind what{};
  std::size_t at = 0;  ///< of a write; the size after a truncation
  std::string bytes = {};

  [[nodiscard]] bool is_name() const noexcept { return what == kind::create || what == kind::remove; }
};

inline void overwrite(std::string& file, std::size_t at, std::string_view with) {
  if (file.size() < at + with.size()) file.resize(at + with.size(), '\0');
  file.replace(at, with.size(), with);
}

struct file_image {
  bool exists = false;
  std::string bytes = {};

  void apply(const unsynced& op) {
    switch (op.what) {
      case unsynced::kind::create: exists = true; return;
      case unsynced::kind::remove: *this = {}; return;
      case unsynced::kind::truncate: bytes.resize(std::min(bytes.size(), op.at)); return;
      case unsynced::kind::write: overwrite(bytes, op.at, op.bytes); return;
    }
  }

  /// What may be left of a write: each of its sectors, or not; and the size may have grown all the same.
  void apply_torn(const unsynced& op, tandem::random_stream& random) {
    constexpr std::size_t sector = 512;
    const std::size_t end = op.at + op.bytes.size();
    if (random.uniform() < 0.3 && bytes.size() < end) bytes.resize(end, '\0');
    for (std::size_t from = op.at; from < end;) {
      const std::size_t to = std::min((from / sector + 1) * sector, end);
      if (random.uniform() < 0.5) overwrite(bytes, from, std::string_view(op.bytes).substr(from - op.at, to - from));
      from = to;
    }
  }
};

struct platter_file {
  file_image synced;
  std::vector<unsynced> later;

  void sync() {
    for (const unsynced& op : later) synced.apply(op);
    later.clear();
  }

  /// Its folder was synced: what of it had been made or removed by then is so.
  void sync_name() {
    const auto last = std::find_if(later.rbegin(), later.rend(), [](const unsynced& op) { return op.is_name(); });
    if (last == later.rend()) return;
    const auto name = last.base() - 1;
    for (auto op = later.begin(); op != name; ++op) {
      if (name->what == unsynced::kind::remove || op->is_name()) synced.apply(*op);
    }
    synced.apply(*name);
    later.erase(later.begin(), name + 1);
  }

  /// The file as it may be found: with seed 0 all that was not synced is lost, with seed 1 none of it, with others each
  /// write is kept, dropped or torn, in any order.
  [[nodiscard]] file_image after_power_failure(std::uint64_t seed, tandem::random_stream& random) const {
    file_image out = synced;
    if (seed == 0) return out;
    std::vector<unsynced> ops = later;
    const double chaos = seed == 1 ? 0 : random.uniform();  // how much goes wrong this time
    if (chaos > 0.5) shuffle(ops, random);
    for (const unsynced& op : ops) {
      const double luck = random.uniform();
      if (!out.exists && op.what != unsynced::kind::create) continue;
      if (luck >= chaos) {
        out.apply(op);
      } else if (op.is_name()) {
        break;  // names change in order, and what came later went to another file of that name
      } else if (op.what == unsynced::kind::write && luck < chaos / 2) {
        out.apply_torn(op, random);
      }
    }
    return out;
  }

 private:
  // writes come in any order, but none crosses the making or the removal of its file
  static void shuffle(std::vector<unsynced>& ops, tandem::random_stream& random) {
    for (auto first = ops.begin(); first != ops.end();) {
      const auto last = std::find_if(first, ops.end(), [](const unsynced& op) { return op.is_name(); });
      for (auto n = last - first; n > 1; --n) {
        std::iter_swap(first + (n - 1),
                       first + static_cast<std::ptrdiff_t>(random.below(static_cast<std::uint64_t>(n))));
      }
      first = last == ops.end() ? last : last + 1;
    }
  }
};

}  // namespace tandem_test
