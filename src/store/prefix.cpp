// A frozen prefix of the log, read from the file by whoever wants it, beside the engine that writes on.

#include <algorithm>
#include <utility>
#include <vector>

#include "sqlite_log.hpp"

TANDEM_BEGIN
namespace detail::file {
namespace {

bool is_event(const record_row& row) { return static_cast<entry_kind>(row.kind) == entry_kind::event; }
bool is_answer(const record_row& row) { return static_cast<entry_kind>(row.kind) == entry_kind::answer; }

// Tells positions of rows read in order: events that were compacted away have theirs, and those that were erased while
// this engine runs.
class position_counter {
 public:
  position_counter(const std::vector<gap>& gaps, const std::vector<std::pair<std::int64_t, bool>>& erased)
      : erased_(&erased) {
    for (const gap& each : gaps) {
      if (each.compacted) events_ += static_cast<std::uint64_t>(each.events);
    }
  }
  // events before this row, which is passed
  std::uint64_t pass(const record_row& row) {
    for (; passed_ < erased_->size() && (*erased_)[passed_].first < row.number; ++passed_) {
      events_ += (*erased_)[passed_].second ? 1U : 0U;
    }
    return is_event(row) ? events_++ : events_;
  }

 private:
  const std::vector<std::pair<std::int64_t, bool>>* erased_;
  std::size_t passed_ = 0;
  std::uint64_t events_ = 0;
};

}  // namespace

class sqlite_log::prefix_reader final : public log_prefix {
 public:
  explicit prefix_reader(sqlite_log& log)
      : log_(&log),
        users_(log.ids_.users),
        items_(log.ids_.items),
        erased_(log.erased_here_),
        last_(log.last_),
        position_(log.position_),
        opening_(log.replaying_) {
    std::sort(erased_.begin(), erased_.end());
  }

  [[nodiscard]] log_position end() const noexcept override { return position_; }

  void read(log_position from, function_ref<void(log_position, std::span<const logged_event>)> f) const override {
    constexpr std::size_t run_length = 4096;
    std::vector<logged_event> run;
    run.reserve(run_length);
    log_position first{};
    each_row([&](const record_row& row, std::uint64_t position) {
      if (!is_event(row) || position < raw(from)) return;
      if (run.empty()) first = log_position{position};
      run.push_back(as_event(row));
      if (run.size() == run_length) {
        f(first, run);
        run.clear();
      }
    });
    if (!run.empty()) f(first, run);
  }

  void read_decisions(function_ref<void(std::span<const decision>)> f) const override {
    name_lists names;
    with_file([&](SQLite::Database& db) {
      names = read_names(db, log_->path_, read_tail(db, log_->path_), log_->seals_.get());
    });
    decoder at(names);
    each_row([&](const record_row& row, std::uint64_t position) {
      if (!is_answer(row)) return;
      const auto& entry = std::get<answer_entry>(at.read(row));
      decision d = entry.record;
      d.position = log_position{position - std::min(position, entry.events_since)};
      const std::uint32_t user = users_.index_of(at.user_id());
      d.user = user == id_map::none ? no_id<user_index> : user_index{user};
      for (std::size_t k = 0; k < d.slate.size(); ++k) d.slate[k].item = item_index{items_.index_of(at.item_ids()[k])};
      f(std::span(&d, 1));
    });
  }

 private:
  logged_event as_event(const record_row& row) const {
    const bare_event e = read_bare_event(row);
    const std::uint32_t user = users_.index_of(e.user);
    const std::uint32_t item = items_.index_of(e.item);
    if (user == id_map::none || item == id_map::none) {
      throw error(errc::damaged, "entry " + std::to_string(row.number) + " names an id that is not there",
                  {log_->path_});
    }
    return {user_index{user}, item_index{item}, action_index{static_cast<std::uint32_t>(e.action)},
            e.weight,         e.time,           e.decision};
  }

  // calls f(database) with the file as of one moment, when it holds all of the prefix
  template <class F>
  void with_file(F&& f) const {
    translated(log_->path_, [&] {
      if (!opening_ && !log_->commit(last_)) throw error(errc::io_error, log_->failure(), {log_->path_});
      const auto db = open_database(log_->path_, access::read, log_->options_);
      const moment now(*db);
      f(*db);
    });
  }

  // calls f(row, events before it) with every row of the prefix that is kept
  template <class F>
  void each_row(F&& f) const {
    with_file([&](SQLite::Database& db) {
      position_counter counter(read_gaps(db, log_->path_), erased_);
      read_rows(
          db, log_->path_, 0, static_cast<std::int64_t>(raw(last_)),
          [&](const record_row& row) { f(row, counter.pass(row)); }, log_->seals_.get());
    });
  }

  sqlite_log* log_;  // outlives its prefixes
  id_map users_, items_;
  std::vector<std::pair<std::int64_t, bool>> erased_;
  entry_number last_;
  log_position position_;
  bool opening_;
};

std::shared_ptr<const log_prefix> sqlite_log::prefix() const {
  return std::make_shared<prefix_reader>(const_cast<sqlite_log&>(*this));
}

}  // namespace detail::file
TANDEM_END
