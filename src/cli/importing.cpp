#include "importing.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <numeric>
#include <string_view>
#include <vector>

#include "tandem/core/error.hpp"
#include "tandem/detail/crc32.hpp"

namespace tandem_cli {
namespace {

using namespace tandem;

// The log's events in order of time, and a checksum of those passed: a position that a log which has only grown still
// fits, and no other.
class ordered_events {
 public:
  explicit ordered_events(const event_log& log) : log_(&log), order_(log.events.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return log.events[a].time < log.events[b].time; });
  }

  [[nodiscard]] std::size_t size() const { return order_.size(); }
  [[nodiscard]] std::size_t passed() const { return passed_; }
  [[nodiscard]] bool at_end() const { return passed_ == size(); }
  [[nodiscard]] std::string position() const { return std::to_string(passed_) + " " + std::to_string(sum_); }

  /// The next event.
  event pass() {
    const logged_event& e = log_->events[order_[passed_++]];
    event out;
    out.user = log_->users.name(e.user);
    out.item = log_->items.name(e.item);
    out.action = log_->actions.name(e.action);
    out.value = static_cast<double>(e.weight);
    out.time = e.time;
    const std::string time = std::to_string(to_millis(e.time));
    for (const std::string_view part : {out.user, out.item, out.action, std::string_view(time)}) {
      sum_ = tandem::detail::crc32("\n", tandem::detail::crc32(part, sum_));
    }
    return out;
  }

 private:
  const event_log* log_;
  std::vector<std::size_t> order_;
  std::size_t passed_ = 0;
  std::uint32_t sum_ = 0;
};

void go_on_from(const std::string& position, ordered_events& events, const std::string& path) {
  if (position.empty()) return;
  std::size_t passed = 0;
  (void)std::from_chars(position.data(), position.data() + position.size(), passed);
  while (events.passed() < passed && !events.at_end()) (void)events.pass();
  if (events.position() == position) return;
  throw error(errc::invalid_argument,
              "is not the log of which " + std::to_string(passed) + " events were imported from this path",
              {path, 0, {}}, "only a log that has grown at its end, in time, can be imported further");
}

void count(imported& out, observe_status status) {
  out.taken += status == observe_status::accepted || status == observe_status::late ? 1U : 0U;
  out.duplicates += status == observe_status::duplicate ? 1U : 0U;
  out.rejected += status == observe_status::rejected ? 1U : 0U;
  if (status == observe_status::full) {
    throw error(errc::no_space, "the engine takes no more events", {{}, 0, "max_events"}, "raise it in the options");
  }
}

}  // namespace

imported import_log(const event_log& log, const std::string& path, engine& into, std::size_t span,
                    const progress& callback) {
  ordered_events events(log);
  const std::string stream = "file:" + std::filesystem::weakly_canonical(path).string();
  go_on_from(into.stream(stream), events, path);
  imported out{path, events.size(), events.passed(), 0, 0, 0, false};
  std::vector<event> run;
  std::vector<observe_result> results(span);
  while (!events.at_end() && !out.interrupted) {
    run.clear();
    while (run.size() < span && !events.at_end()) run.push_back(events.pass());
    if (!into.observe(run, {stream, events.position()}, results)) {
      throw error(errc::io_error, "could not be written", {{}, 0, "file"}, "is the disk full?");
    }
    for (std::size_t k = 0; k < run.size(); ++k) count(out, results[k].status);
    out.interrupted = callback && !callback({"import", events.passed(), events.size()}) && !events.at_end();
  }
  return out;
}

}  // namespace tandem_cli
