// A key ring: which key is wrapped by which, and when one is made, replaced and erased.

#include "tandem/store/key_ring.hpp"

#include <array>
#include <mutex>
#include <utility>

#include "key_cache.hpp"
#include "key_file.hpp"
#include "secret.hpp"
#include "tandem/detail/require.hpp"

TANDEM_BEGIN
namespace {

using namespace detail::keys;

// What is derived from a master key.
struct root_keys {
  key_bytes wrapping, checking;
};
// What a ring draws when it is made. The pseudonyms' key is drawn, not derived, to outlive the master key.
struct own_keys {
  marked_key pseudonyms, names, snapshots, next_snapshots;
};

// beside the public ones
constexpr auto pseudonyms_key = static_cast<common_key>(3);
constexpr std::array common_keys{pseudonyms_key, common_key::names, common_key::snapshots, common_key::next_snapshots};

std::string associated_with(const ring_header& ring, common_key which) {
  std::string out(view(ring.ring));
  out += 'c';
  out += static_cast<char>(which);
  return out;
}

std::string associated_with(const ring_header& ring, const pseudonym& user) {
  std::string out(view(ring.ring));
  out += 'u';
  out += view(user.bytes);
  return out;
}

void check_of(const root_keys& root, const ring_header& ring, std::array<unsigned char, 32>& out) {
  std::string text = "tandem key ring";
  text += view(ring.ring);
  text += std::to_string(ring.generation);
  keyed_hash(root.checking, text, out);
}

bool fits(const root_keys& root, const ring_header& ring) {
  std::array<unsigned char, 32> expected{};
  check_of(root, ring, expected);
  return sodium_memcmp(expected.data(), ring.check.data(), expected.size()) == 0;
}

void draw(marked_key& out) {
  randombytes_buf(out.key.data(), out.key.size());
  out.set_mark();
}

error erased(const std::string& path) {
  return {errc::not_found, "the user has no key: it is erased, or was never made", {path}};
}

}  // namespace

struct key_ring::state {
  state(const std::string& path, const master_key& key, const key_ring_options& options)
      : vfs(options.vfs), file(path, options), cache(options.cached_users) {
    derive(key, *root);
    if (file.is_new()) {
      make();
    } else {
      header = file.header();
      if (!fits(*root, header)) {
        throw error(errc::wrong_key, "the key does not fit this key ring", {path},
                    "give the master key that it was made with or rotated to last");
      }
    }
    load(pseudonyms_key, own->pseudonyms);
    load(common_key::names, own->names);
    load_snapshots();
  }

  static void derive(const master_key& key, root_keys& out) {
    detail::require(key.bytes_ != nullptr, "master_key", "a key that was not moved from");
    (void)crypto_kdf_derive_from_key(out.wrapping.data(), key_size, 1, "tndmwrap", key.bytes_.get());
    (void)crypto_kdf_derive_from_key(out.checking.data(), key_size, 2, "tndmchck", key.bytes_.get());
  }

  void make() {
    randombytes_buf(header.ring.data(), header.ring.size());
    check_of(*root, header, header.check);
    file.change([&] {
      file.make_tables();
      file.set_header(header);
      for (const common_key which : common_keys) store_drawn(which);
    });
  }

  void store_drawn(common_key which) {
    passing<marked_key> fresh;
    draw(fresh.value);
    file.set_common(which, wrap(root->wrapping, fresh.value.key, associated_with(header, which)));
  }

  // what was sealed for the time after a forget() is of the snapshots from then on
  void promote_next() {
    file.set_common(common_key::snapshots,
                    wrap(root->wrapping, own->next_snapshots.key, associated_with(header, common_key::snapshots)));
    store_drawn(common_key::next_snapshots);
  }

  void load_snapshots() {
    load(common_key::snapshots, own->snapshots);
    load(common_key::next_snapshots, own->next_snapshots);
  }
  void load(common_key which, marked_key& out) {
    if (!unwrap(root->wrapping, file.common(which), associated_with(header, which), out.key)) fail_damaged();
    out.set_mark();
  }

  [[noreturn]] void fail_damaged() const {
    throw error(errc::damaged, "a wrapped key is damaged", {file.path()}, "take the latest copy of the key ring");
  }

  // Precondition of all that follow: the gate is held.
  bool find(const pseudonym& user, marked_key& out) {
    if (const marked_key* const here = cache.find(user); here != nullptr) {
      ++counts.hits;
      out = *here;
      return true;
    }
    ++counts.misses;
    const auto wrapped = file.find(user);
    if (!wrapped.has_value()) return false;
    if (!unwrap(root->wrapping, *wrapped, associated_with(header, user), out.key)) fail_damaged();
    out.set_mark();
    cache.add(user, out);
    return true;
  }

  // Precondition: inside change(), and the user has no key.
  void make_key(const pseudonym& user, marked_key& out) {
    draw(out);
    file.add(user, wrap(root->wrapping, out.key, associated_with(header, user)));
  }

  void find_or_make(const pseudonym& user, marked_key& out) {
    if (find(user, out)) return;
    file.change([&] { make_key(user, out); });
    ++counts.made;
    cache.add(user, out);
  }

  // the key may be replaced at once, in another thread
  void copy_common(common_key which, marked_key& out) {
    const std::lock_guard lock(gate);
    out = which == common_key::names       ? own->names
          : which == common_key::snapshots ? own->snapshots
                                           : own->next_snapshots;
  }

  void rewrap(const root_keys& next, const ring_header& next_header) {
    passing<key_bytes> key;
    const auto again = [&](std::string_view wrapped, const std::string& associated) {
      if (!unwrap(root->wrapping, wrapped, associated, key.value)) fail_damaged();
      return wrap(next.wrapping, key.value, associated);
    };
    file.change([&] {
      file.set_header(next_header);
      for (const common_key which : common_keys) {
        file.set_common(which, again(file.common(which), associated_with(header, which)));
      }
      file.replace_all([&](const pseudonym& user, std::string_view wrapped) {
        return again(wrapped, associated_with(header, user));
      });
    });
  }

  // Runs f and reads again what it changed: also when it failed, since a commit that fails in its last step may stand.
  template <class F>
  void renew_snapshots(F&& f) {
    try {
      file.change(f);
    } catch (...) {
      attempt([&] { load_snapshots(); });
      throw;
    }
    load_snapshots();
  }

  void rotate(const root_keys& next) {
    ring_header next_header = header;
    ++next_header.generation;
    check_of(next, next_header, next_header.check);
    const auto adopt = [&] {
      *root = next;
      header = next_header;
    };
    try {
      rewrap(next, next_header);
    } catch (...) {
      attempt([&] {
        if (file.header().check == next_header.check) adopt();
      });
      throw;
    }
    adopt();
  }

  template <class F>
  static void attempt(F&& f) {
    try {
      f();
    } catch (...) {  // NOLINT(bugprone-empty-catch): the first failure is the one to tell
    }
  }

  std::mutex gate;
  std::string vfs;
  key_file file;
  key_cache cache;
  secret<root_keys> root;
  secret<own_keys> own;
  ring_header header;
  key_ring_stats counts;
};

void key_ring_options::validate() const {
  detail::require(cached_users >= 1 && cached_users <= (std::size_t{1} << 24U), "cached_users", "[1, 2^24]");
}

key_ring::key_ring(const std::string& path, const master_key& key, const key_ring_options& options) {
  options.validate();
  start_sodium();
  state_ = std::make_unique<state>(path, key, options);
}
key_ring::key_ring(key_ring&&) noexcept = default;
key_ring& key_ring::operator=(key_ring&&) noexcept = default;
key_ring::~key_ring() = default;

pseudonym key_ring::pseudonym_of(std::string_view user) const {
  pseudonym out;
  keyed_hash(state_->own->pseudonyms.key, user, out.bytes);  // never changes: no lock
  return out;
}

bool key_ring::has_key(const pseudonym& user) const {
  const std::lock_guard lock(state_->gate);
  return state_->cache.find(user) != nullptr || state_->file.find(user).has_value();
}

void key_ring::make_keys(std::span<const pseudonym> users) {
  const std::lock_guard lock(state_->gate);
  std::uint64_t made = 0;
  passing<marked_key> key;
  state_->file.change([&] {
    for (const pseudonym& user : users) {
      if (state_->cache.find(user) != nullptr || state_->file.find(user).has_value()) continue;
      state_->make_key(user, key.value);
      ++made;
    }
  });
  state_->counts.made += made;
}

std::string key_ring::seal(const pseudonym& user, std::string_view plain, std::string_view associated) {
  passing<marked_key> key;
  {
    const std::lock_guard lock(state_->gate);
    state_->find_or_make(user, key.value);
  }
  return seal_with(key.value, plain, associated);
}

std::string key_ring::seal(common_key which, std::string_view plain, std::string_view associated) const {
  passing<marked_key> key;
  state_->copy_common(which, key.value);
  return seal_with(key.value, plain, associated);
}

std::string key_ring::open(const pseudonym& user, std::string_view sealed, std::string_view associated) const {
  passing<marked_key> key;
  {
    const std::lock_guard lock(state_->gate);
    if (!state_->find(user, key.value)) throw erased(state_->file.path());
  }
  return open_with(key.value, sealed, associated);
}

std::string key_ring::open(common_key which, std::string_view sealed, std::string_view associated) const {
  passing<marked_key> key;
  state_->copy_common(which, key.value);
  return open_with(key.value, sealed, associated);
}

bool key_ring::forget(const pseudonym& user) { return forget(std::span(&user, 1)) > 0; }

std::size_t key_ring::forget(std::span<const pseudonym> users) {
  const std::lock_guard lock(state_->gate);
  std::size_t erased = 0;
  for (const pseudonym& user : users) state_->cache.erase(user);  // if the commit fails, it is found in the file again
  state_->renew_snapshots([&] {
    for (const pseudonym& user : users) erased += state_->file.erase(user) ? 1U : 0U;
    if (erased > 0) state_->promote_next();
  });
  state_->counts.forgotten += erased;
  return erased;
}

void key_ring::rotate_snapshot_key() {
  const std::lock_guard lock(state_->gate);
  state_->renew_snapshots([&] {
    state_->store_drawn(common_key::snapshots);
    state_->store_drawn(common_key::next_snapshots);
  });
}

void key_ring::rotate_master(const master_key& next) {
  secret<root_keys> root;
  state::derive(next, *root);
  const std::lock_guard lock(state_->gate);
  state_->rotate(*root);
}

void key_ring::copy_to(const std::string& to) const {
  const std::lock_guard lock(state_->gate);
  state_->file.copy_to(to, state_->vfs);
}

key_ring_stats key_ring::stats() const {
  const std::lock_guard lock(state_->gate);
  key_ring_stats out = state_->counts;
  out.users = state_->file.users();
  out.cached = state_->cache.size();
  out.generation = static_cast<std::uint64_t>(state_->header.generation);
  return out;
}

TANDEM_END
