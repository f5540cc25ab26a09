#pragma once
// What a file must hold after a life in which users were forgotten was cut short: nobody half, no group without its
// position, and all others' events.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "durable/erasing_life.hpp"
#include "support/catch.hpp"

namespace erasure_world {

/// What is read from a file.
struct contents {
  std::map<std::string, int> times;  ///< by key
  std::size_t group = 0;             ///< where its stream is

  [[nodiscard]] bool has(const told_event& each) const { return times.contains(each.key); }
};

inline contents read(const std::string& path, const file_options& file) {
  contents out;
  const auto store = open_sqlite(path, file);
  store->scan(entry_number{0}, [&](entry_number, const journal_entry& entry) {
    if (const auto* said = std::get_if<event_entry>(&entry); said != nullptr && !said->key.empty()) {
      ++out.times[std::string(said->key)];
    } else if (const auto* page = std::get_if<answer_entry>(&entry); page != nullptr) {
      if (page->record.user_name == "guest") ++out.times[guest_page];
    }
  });
  const std::string position = store->stream("orders");
  if (!position.empty()) out.group = std::stoul(position);
  return out;
}

/// No event of the persons is there, or all that the file could hold of them.
inline void check_not_half(const contents& found, const promises& kept, const std::set<std::string>& persons,
                           std::size_t end) {
  std::size_t there = 0, gone = 0;
  for (std::size_t i = kept.may_be_gone; i < end; ++i) {
    const told_event& each = kept.told[i];
    if (!each.acknowledged || !persons.contains(each.person) || kept.unsure.contains(each.person)) continue;
    ++(found.has(each) ? there : gone);
  }
  CAPTURE(there, gone);
  REQUIRE((there == 0 || gone == 0));
}

/// @param promised  of told: so many must be there
inline void check_told(const contents& found, const promises& kept, std::size_t promised) {
  std::size_t end = 0;  // beyond the last event that is there
  for (std::size_t i = 0; i < kept.told.size(); ++i) {
    if (found.has(kept.told[i])) end = i + 1;
  }
  bool begun = false;
  for (std::size_t i = 0; i < kept.told.size(); ++i) {
    const told_event& each = kept.told[i];
    const bool there = found.has(each);
    const bool half = std::ranges::any_of(kept.half, [&](const auto& whom) { return whom.contains(each.person); });
    CAPTURE(i, each.key, promised, end, kept.may_be_gone, found.group);
    if (there) REQUIRE(found.times.at(each.key) == 1);
    if (kept.unsure.contains(each.person)) continue;
    if (kept.forgotten.contains(each.person)) {
      REQUIRE(!there);
      continue;
    }
    const bool in_place = each.group != 0 && each.group <= found.group;
    if (each.group > found.group && !kept.torn.contains(each.group)) REQUIRE(!there);
    if (half || !each.acknowledged) continue;
    if (i < promised && each.group != 0) REQUIRE(each.group <= found.group);
    begun = begun || there || i >= kept.may_be_gone;
    const bool must = i < end || (i < promised && each.key != guest_page) || in_place;
    if (begun && must) REQUIRE(there);
  }
  for (const std::set<std::string>& persons : kept.half) check_not_half(found, kept, persons, end);
}

inline void check_opened(const engine& e, bool sealed) {
  for (const std::string& each : e.opened().problems) {
    CAPTURE(each);
    REQUIRE((sealed && each.find("its key was replaced") != std::string::npos));
  }
}

/// Whoever was forgotten left no byte, as far as a search for keys tells.
inline void check_bytes(const std::string& path, const promises& kept) {
  for (const std::string& person : kept.forgotten) {
    if (kept.unsure.contains(person)) continue;
    CAPTURE(person);
    REQUIRE(!durable_world::holds(std::filesystem::path(path).parent_path(), " of " + person + ";"));
  }
}

/// Opens the file and checks it; then an engine goes on with it, finishes what was left half, and comes back.
inline void check_all(const std::string& path, erasing_life life, std::size_t promised, const file_options& file) {
  const bool sealed = file.key != nullptr;
  const contents found = read(path, file);
  check_told(found, life.kept, promised);
  check_bytes(path, life.kept);
  REQUIRE(verify_file(path, file).sound());
  for (told_event& each : life.kept.told) each.acknowledged = each.acknowledged && found.has(each);
  {
    engine e = tandem::open(path, small_options(), file);
    check_opened(e, sealed);
    life.observe_all(e);
    e.refit();
    const std::size_t asked = life.kept.half.size();
    if (asked > 0) REQUIRE((life.forget(e, "user1") && life.forget(e, "user2")));
    life.kept.half.clear();
    life.observe_all(e);
    e.refit();
    REQUIRE(e.flush());
  }
  check_told(read(path, file), life.kept, 0);
  check_bytes(path, life.kept);
  REQUIRE(verify_file(path, file).sound());
  const engine e = tandem::open(path, small_options(), file);
  REQUIRE(e.opened().problems.empty());
}

}  // namespace erasure_world
