#pragma once
// Entries as the bodies of rows and back. docs/format.md tells the layout.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bytes.hpp"
#include "id_map.hpp"
#include "row_queue.hpp"
#include "tandem/store/journal.hpp"

TANDEM_BEGIN
namespace detail::file {

enum class entry_kind : std::uint8_t {
  event = 1,
  answer = 2,
  item = 3,
  retire = 4,
  merge = 5,
  consent = 6,
  clock = 7,
  model = 8,
};

// Names by id, as read back. Views of them stay valid.
struct name_lists {
  using list = std::vector<std::optional<std::string>>;
  list users, items, words;

  [[nodiscard]] std::string_view user(std::uint64_t id) const { return name(users, id, "user"); }
  [[nodiscard]] std::string_view item(std::uint64_t id) const { return name(items, id, "item"); }
  [[nodiscard]] const std::string& word(std::uint64_t id) const { return name(words, id, "word"); }

 private:
  static const std::string& name(const list& of, std::uint64_t id, const char* what) {
    if (id < 1 || id > of.size() || !of[id - 1].has_value()) {
      throw error(errc::damaged, std::string("a record names a ") + what + " that is not there");
    }
    return *of[id - 1];
  }
};

struct text_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

// Which ids a log has given, and the ids of words.
struct id_space {
  id_map users, items;
  std::unordered_map<std::string, std::uint32_t, text_hash, std::equal_to<>> words;
  std::size_t n_words = 0;  // ids given: an erased word's stays its own
};

// Writes entries to a queue, and the names that they are the first to use before them.
class encoder {
 public:
  encoder(id_space& ids, row_queue& to)
      : ids_(&ids),
        to_(&to),
        users_(ids.users.size()),
        items_(ids.items.size()),
        words_(ids.n_words),
        mark_(to.size()) {}
  encoder(const encoder&) = delete;
  encoder& operator=(const encoder&) = delete;
  // takes everything back unless keep() was called
  ~encoder();

  void write(entry_number number, const event_entry& e);
  // @param end  events in the log by now: what came since the answer was made is kept as a number
  void write(entry_number number, const answer_entry& e, log_position end);
  void write(entry_number number, const change_entry& e);
  void keep() noexcept { kept_ = true; }

 private:
  std::uint32_t user_id(user_index user, std::string_view name);
  std::uint32_t item_id(item_index item, std::string_view name);
  std::vector<std::uint32_t> item_ids(const std::vector<item_index>& items, const std::vector<std::string_view>& names);
  std::uint32_t word_id(std::string_view word);
  std::vector<std::uint32_t> word_ids(const page_rules& rules);
  std::vector<std::uint32_t> word_ids(std::span<const std::string> words);

  id_space* ids_;
  row_queue* to_;
  id_map::mark users_, items_;
  std::size_t words_;
  row_queue::mark mark_;
  std::vector<std::string> added_words_;
  bool kept_ = false;
};

// One row of `record`, as read.
struct record_row {
  std::int64_t number = 0;
  std::uint8_t kind = 0;
  std::int64_t user = 0;
  std::string_view body;
};

// An entry read back; owns what the entry's views refer to. Its record's indices are file ids, but for user and item
// names, which are given as text.
class decoder {
 public:
  explicit decoder(const name_lists& names) : names_(&names) {}
  // valid until the next call. Errors: damaged.
  journal_entry& read(const record_row& row);
  // ids of what the entry names, in the order of the entry: item first, then slate, only, blocked
  [[nodiscard]] std::span<const std::uint32_t> item_ids() const noexcept { return item_ids_; }
  [[nodiscard]] std::span<const std::uint32_t> word_ids() const noexcept { return word_ids_; }
  [[nodiscard]] std::uint32_t user_id() const noexcept { return user_id_; }

 private:
  void read_event(const record_row& row, body_reader& in);
  void read_answer(const record_row& row, body_reader& in);
  change_entry read_change(const record_row& row, body_reader& in);
  std::string_view read_item(body_reader& in);
  const std::string& read_word(body_reader& in);
  std::vector<std::string> read_words(body_reader& in);
  page_rules read_rules(body_reader& in);

  const name_lists* names_;
  journal_entry entry_;
  std::vector<std::string> facts_;
  std::vector<std::uint32_t> item_ids_, word_ids_;
  std::uint32_t user_id_ = 0;
};

// What a refit needs of an event, without its names: item and user by file id.
struct bare_event {
  std::uint64_t user = 0, item = 0, action = 0;
  float weight = 1;
  timestamp time{};
  decision_id decision = decision_id::none;
};
bare_event read_bare_event(const record_row& row);

}  // namespace detail::file
TANDEM_END
