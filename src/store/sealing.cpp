// Sealing and opening rows with the key ring; what a build without libsodium says instead.

#include "sealing.hpp"

#include "codec.hpp"
#include "tandem/core/error.hpp"

#if defined(TANDEM_HAVE_ENCRYPTION)
#include <algorithm>
#include <cstring>
#include <mutex>
#include <shared_mutex>

#include "tandem/store/key_ring.hpp"
#endif

TANDEM_BEGIN
namespace detail::file {

void require_key_for(bool sealed, const std::string& path, const file_options& options) {
  if (sealed == (options.key != nullptr)) return;
  throw sealed ? error(errc::wrong_key, "is encrypted", {path, 0, "key"}, "give the master key it was made with")
               : error(errc::wrong_key, "is not encrypted", {path, 0, "key"},
                       "give no key, or learn from it into a new file that has one");
}

#if defined(TANDEM_HAVE_ENCRYPTION)

namespace {

// what a sealed row is bound to: moved elsewhere it does not open
std::string place_of(std::string_view table, std::int64_t id, std::int64_t kind, std::int64_t user) {
  return std::string(table) + ' ' + std::to_string(id) + ' ' + std::to_string(kind) + ' ' + std::to_string(user);
}

bool is_a_visitors(std::int64_t kind, std::int64_t user) {
  return user == 0 && static_cast<entry_kind>(kind) == entry_kind::answer;
}

const char* name_of(table which) { return which == table::item ? "item" : "word"; }

std::string_view bytes_of(const pseudonym& of) {
  return {reinterpret_cast<const char*>(of.bytes.data()), of.bytes.size()};
}

pseudonym pseudonym_in(std::string_view bytes) {
  pseudonym out;
  if (bytes.size() < out.bytes.size()) throw error(errc::damaged, "a sealed row is too short");
  std::memcpy(out.bytes.data(), bytes.data(), out.bytes.size());
  return out;
}

// what open gives, or nothing when its key was erased
template <class Open>
std::optional<std::string> unless_erased(Open&& open) {
  try {
    return open();
  } catch (const error& e) {
    if (e.code() != errc::not_found) throw;
    return std::nullopt;
  }
}

}  // namespace

namespace {

// A name that was merged away may come again, as somebody else: each has a key of their own.
std::string owner_of(std::string_view name, std::int64_t id) { return std::string(name) + '\0' + std::to_string(id); }

}  // namespace

struct sealing::ring {
  key_ring keys;
  mutable std::shared_mutex mutex;
  std::vector<pseudonym> users;  // by file id, from 1

  ring(const std::string& path, const file_options& options, bool log_exists)
      : keys(key_ring::path_beside(path), *options.key, {.must_exist = log_exists, .vfs = options.vfs}) {}

  [[nodiscard]] pseudonym of(std::int64_t user) const {
    const std::shared_lock lock(mutex);
    if (user < 1 || static_cast<std::size_t>(user) > users.size()) {
      throw error(errc::damaged, "a record is of a user who is not there");
    }
    return users[static_cast<std::size_t>(user) - 1];
  }
  void put(std::int64_t user, const pseudonym& name) {
    const std::unique_lock lock(mutex);
    if (users.size() < static_cast<std::size_t>(user)) users.resize(static_cast<std::size_t>(user));
    users[static_cast<std::size_t>(user) - 1] = name;
  }
};

sealing::sealing(const std::string& path, const file_options& options, bool log_exists) {
  if (options.key != nullptr) ring_ = std::make_unique<ring>(path, options, log_exists);
}

void sealing::prepare(const row_queue& rows) {
  if (!on()) return;
  std::vector<pseudonym> needed;
  for (const queued_row& row : rows.rows()) {
    const bool is_user = row.to == table::user;
    if (!is_user && !(row.to == table::record && is_a_visitors(row.kind, row.user))) continue;
    needed.push_back(
        ring_->keys.pseudonym_of(is_user ? owner_of(rows.body(row), row.id) : std::string(rows.visitor(row))));
    if (is_user) ring_->put(row.id, needed.back());
  }
  if (!needed.empty()) ring_->keys.make_keys(needed);
}

std::string sealing::seal(const queued_row& row, std::string_view body) {
  if (row.to == table::user) {
    const pseudonym who = ring_->of(row.id);
    return std::string(bytes_of(who)) + ring_->keys.seal(who, body, place_of("user", row.id, 0, 0));
  }
  if (row.to != table::record)
    return ring_->keys.seal(common_key::names, body, place_of(name_of(row.to), row.id, 0, 0));
  const std::string at = place_of("record", row.id, row.kind, row.user);
  if (row.user != 0) return ring_->keys.seal(ring_->of(row.user), body, at);
  if (!is_a_visitors(row.kind, row.user)) return ring_->keys.seal(common_key::names, body, at);
  const pseudonym who = ring_->keys.pseudonym_of(body.substr(row.name_begin, row.name_size));
  return std::string(bytes_of(who)) + ring_->keys.seal(who, body, at);
}

std::string sealing::seal_part(std::int64_t id, std::string_view part, bool outlives_keys) const {
  return ring_->keys.seal(outlives_keys ? common_key::next_snapshots : common_key::snapshots, part,
                          place_of("part", id, 0, 0));
}

std::optional<std::string> sealing::open_record(std::int64_t number, std::int64_t kind, std::int64_t user,
                                                std::string_view body) const {
  const std::string at = place_of("record", number, kind, user);
  return unless_erased([&] {
    if (user != 0) return ring_->keys.open(ring_->of(user), body, at);
    if (!is_a_visitors(kind, user)) return ring_->keys.open(common_key::names, body, at);
    const pseudonym who = pseudonym_in(body);
    return ring_->keys.open(who, body.substr(who.bytes.size()), at);
  });
}

std::optional<std::string> sealing::open_user(std::int64_t id, std::string_view name) {
  const pseudonym who = pseudonym_in(name);
  ring_->put(id, who);
  return unless_erased(
      [&] { return ring_->keys.open(who, name.substr(who.bytes.size()), place_of("user", id, 0, 0)); });
}

std::optional<std::string> sealing::open_name(const char* table, std::int64_t id, std::string_view name) const {
  return unless_erased([&] { return ring_->keys.open(common_key::names, name, place_of(table, id, 0, 0)); });
}

std::optional<std::string> sealing::open_part(std::int64_t id, std::string_view part) const {
  for (const common_key key : {common_key::snapshots, common_key::next_snapshots}) {
    std::optional<std::string> out =
        unless_erased([&] { return ring_->keys.open(key, part, place_of("part", id, 0, 0)); });
    if (out.has_value()) return out;
  }
  return std::nullopt;
}

std::string sealing::pseudonyms_of(std::span<const std::uint32_t> users, std::span<const std::string> visitors) const {
  std::string out;
  if (!on()) return out;
  static_assert(sizeof(pseudonym::bytes) == pseudonym_size);
  for (const std::uint32_t user : users) out += bytes_of(ring_->of(user));
  for (const std::string& visitor : visitors) out += bytes_of(ring_->keys.pseudonym_of(visitor));
  return out;
}

void sealing::forget(std::string_view pseudonyms) {
  std::vector<pseudonym> all;
  for (; !pseudonyms.empty(); pseudonyms.remove_prefix(pseudonym_size)) all.push_back(pseudonym_in(pseudonyms));
  (void)ring_->keys.forget(all);
}

#else

struct sealing::ring {};

sealing::sealing(const std::string& path, const file_options& options, bool) {
  if (options.key == nullptr) return;
  throw error(errc::invalid_argument, "this tandem was built without encryption", {path, 0, "key"},
              "build it with libsodium");
}
void sealing::prepare(const row_queue&) {}
std::string sealing::seal(const queued_row&, std::string_view) { return {}; }
std::string sealing::seal_part(std::int64_t, std::string_view, bool) const { return {}; }
std::optional<std::string> sealing::open_record(std::int64_t, std::int64_t, std::int64_t, std::string_view) const {
  return std::nullopt;
}
std::optional<std::string> sealing::open_user(std::int64_t, std::string_view) { return std::nullopt; }
std::optional<std::string> sealing::open_name(const char*, std::int64_t, std::string_view) const {
  return std::nullopt;
}
std::optional<std::string> sealing::open_part(std::int64_t, std::string_view) const { return std::nullopt; }
std::string sealing::pseudonyms_of(std::span<const std::uint32_t>, std::span<const std::string>) const { return {}; }
void sealing::forget(std::string_view) {}

#endif

sealing::~sealing() = default;

}  // namespace detail::file
TANDEM_END
