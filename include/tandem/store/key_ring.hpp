#pragma once
// Keys for encryption at rest: one a user, each wrapped by the host's master key. Compiled, with libsodium: link
// tandem::sqlite.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tandem/core/config.hpp"
#include "tandem/store/master_key.hpp"

TANDEM_BEGIN

/// What a log keeps instead of a user's id: a keyed hash of it, which nobody can compute or test without the ring.
struct pseudonym {
  std::array<unsigned char, 32> bytes = {};

  friend bool operator==(const pseudonym&, const pseudonym&) = default;
};

/// Keys that belong to no one user.
enum class common_key : std::uint8_t {
  names,           ///< for what the log names: stays for the life of the ring
  snapshots,       ///< for what was learned from all users: replaced whenever one is forgotten
  next_snapshots,  ///< for what was learned from all but those about to be forgotten: that of snapshots from then on
};

/// Options of a ring. A default-constructed object is a sensible start.
struct key_ring_options {
  /// Keys of users kept unwrapped in memory, the latest used; about 150 bytes each, 36 of them taken, and locked,
  /// at once. Range [1, 2^24].
  std::size_t cached_users = 100'000;
  /// Refuse to make a ring where there is none. Set it when the log exists already: a new ring cannot read it.
  bool must_exist = false;
  /// The name of an SQLite VFS to use; empty = SQLite's default. For tests and unusual systems.
  std::string vfs = {};

  /// Errors: invalid_argument, naming the option.
  void validate() const;
};

/// What a ring holds and has done since it was opened.
struct key_ring_stats {
  std::uint64_t users = 0;       ///< that have a key
  std::uint64_t cached = 0;      ///< of them, unwrapped in memory
  std::uint64_t hits = 0;        ///< a key was asked for and in memory
  std::uint64_t misses = 0;      ///< it was not
  std::uint64_t made = 0;        ///< keys of users
  std::uint64_t forgotten = 0;   ///< keys of users
  std::uint64_t generation = 1;  ///< of the master key: one more at every rotation; kept in the file
};

/// A file of wrapped keys, beside a log that is sealed under them. Whoever has the log alone, or both files without the
/// master key, can read nothing that is sealed. A user whose key is deleted here is unreadable in the log and in every
/// copy of it ever made; which is why this file is one of its own, and is backed up in another way: docs/encryption.md.
///
/// Sealed bytes are the mark of a key (4), a random nonce (24), the XChaCha20-Poly1305 ciphertext and its tag (16).
/// Nonces and keys are the operating system's random bytes, the one thing in tandem that no seed repeats.
///
/// Threads: safe; the cryptography of seal() and open() runs outside the lock.
/// Errors: besides those named, io_error, damaged and no_space when the file fails. What failed changed nothing; or, if
/// the disk failed in the last step of a commit, all of it happened.
class key_ring {
 public:
  /// What seal() adds to a text.
  static constexpr std::size_t overhead = 4 + 24 + 16;

  /// Opens the ring at `path`, or makes it, readable by its owner only. Nothing else can open it meanwhile.
  /// The master key is not kept; what is derived from it is.
  /// Errors: wrong_key, when the ring is another key's; bad_format (another program's file, a newer format),
  /// wrong_state (open elsewhere), not_found (options.must_exist), invalid_argument. None of them changes the file.
  key_ring(const std::string& path, const master_key& key, const key_ring_options& options = {});
  key_ring(key_ring&&) noexcept;
  key_ring& operator=(key_ring&&) noexcept;
  key_ring(const key_ring&) = delete;
  key_ring& operator=(const key_ring&) = delete;
  ~key_ring();

  /// Where the ring of a log belongs: `log`-keys.
  [[nodiscard]] static std::string path_beside(const std::string& log) { return log + "-keys"; }

  /// The same for the same id, through every rotation; never the same in two rings. Allocates: nothing.
  [[nodiscard]] pseudonym pseudonym_of(std::string_view user) const;

  /// Whether there is a key: false for a user never sealed for, or forgotten.
  [[nodiscard]] bool has_key(const pseudonym& user) const;
  /// Makes the keys that are missing, in one commit. A store calls it before it seals for many new users: seal()
  /// alone commits, and waits for the disk, once for each.
  void make_keys(std::span<const pseudonym> users);

  /// Encrypts `plain` for a user; the first time, makes and commits the user's key. `associated` is not kept: the same
  /// bytes (the table, the number of the entry) must be given to open(), so that a row moved elsewhere is refused.
  /// Complexity: O(bytes), and a look-up in the file when the key is not in memory. Allocates: the result.
  [[nodiscard]] std::string seal(const pseudonym& user, std::string_view plain, std::string_view associated);
  [[nodiscard]] std::string seal(common_key which, std::string_view plain, std::string_view associated) const;

  /// What seal() was given.
  /// Errors: not_found, when its key was erased; damaged, when a single bit of `sealed` or `associated` differs.
  [[nodiscard]] std::string open(const pseudonym& user, std::string_view sealed, std::string_view associated) const;
  [[nodiscard]] std::string open(common_key which, std::string_view sealed, std::string_view associated) const;

  /// Erases the key of a user, in memory and in the file, and replaces the key of snapshots by next_snapshots, and that
  /// by a new one, in one commit that is on the disk when this returns. All that was sealed for the user, and every
  /// snapshot but those under next_snapshots, is unreadable from now on; so the next thing to do is to take one. A user
  /// who comes back gets a new key. False: there was no key, and nothing changed.
  bool forget(const pseudonym& user);
  /// Erases the keys of all of these in one commit: a crash leaves all of them or none. Returns how many there were.
  std::size_t forget(std::span<const pseudonym> users);

  /// Replaces both keys of snapshots: those taken before are unreadable.
  void rotate_snapshot_key();

  /// Wraps every key anew, in one commit: a crash leaves the ring either the old master key's or the new one's, whole.
  /// What was sealed stays readable, pseudonyms stay the same. Should it throw, keep both master keys until
  /// stats().generation, or opening the ring again, has told which one it has. Holds the lock. Complexity: O(users).
  void rotate_master(const master_key& next);

  /// Copies the ring to a file, replacing a ring that is there. The copy opens with the master key of this moment, and
  /// holds the keys of this moment: those of users forgotten later too, until it is replaced.
  /// Errors: bad_format, when something else is there; wrong_state, when it is open.
  void copy_to(const std::string& to) const;

  [[nodiscard]] key_ring_stats stats() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

TANDEM_END
