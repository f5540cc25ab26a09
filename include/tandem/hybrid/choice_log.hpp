#pragma once
// The latest choices among candidates, kept for a learner that takes many of them at once.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/error.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/core/random.hpp"
#include "tandem/detail/require.hpp"
#include "tandem/hybrid/candidates.hpp"

TANDEM_BEGIN
namespace hybrid {

/// What the candidates of one request have in common.
struct choice_frame {
  moment when = moment::new_user;
  request_numbers asked;
  std::uint32_t candidates = 0;
  float best = 0;              ///< the blend's highest score
  std::vector<float> highest;  ///< by source: its highest value

  /// @param blended  the blend's score of each candidate; at least one.
  [[nodiscard]] static choice_frame of(const candidate_set& set, std::span<const float> blended) {
    TANDEM_ASSERT(set.size() > 0 && blended.size() == set.size());
    choice_frame out{set.when,
                     set.asked,
                     static_cast<std::uint32_t>(set.size()),
                     *std::max_element(blended.begin(), blended.end()),
                     {set.value.begin(), set.value.begin() + static_cast<std::ptrdiff_t>(set.n_sources)}};
    for (std::size_t c = 1; c < set.size(); ++c) {
      for (std::size_t s = 0; s < set.n_sources; ++s) {
        out.highest[s] = std::max(out.highest[s], set.value[c * set.n_sources + s]);
      }
    }
    return out;
  }
};

/// One choice: what was taken, in the first row, and some of what was not.
struct choice {
  user_index user = no_id<user_index>;
  choice_frame frame;
  std::vector<float> value;  ///< rows x n_sources, normalised scores
  std::vector<float> score;  ///< rows: the blend's
  std::vector<float> added;  ///< rows, to be added to the score: what its place on the page does, and for one drawn
                             ///< among those left log(left / drawn), the others that it stands for

  [[nodiscard]] std::size_t rows() const noexcept { return score.size(); }

  void save(byte_writer& out) const {
    out.put(user);
    out.put(frame.when);
    frame.asked.save(out);
    out.put(frame.candidates);
    out.put(frame.best);
    out.put(frame.highest);
    out.put(score);
    out.put(value);
    out.put(added);
  }
  /// The choice that save() wrote. Errors: bad_format, also for other than `n_sources` sources.
  [[nodiscard]] static choice load(byte_reader& in, std::size_t n_sources) {
    choice out;
    out.user = in.get<user_index>();
    out.frame.when = in.get_up_to(moment::returning);
    out.frame.asked = request_numbers::load(in);
    out.frame.candidates = in.get<std::uint32_t>();
    out.frame.best = in.get_finite<float>();
    out.frame.highest = in.get_vector<float>(n_sources);
    out.score = in.get_vector<float>();
    out.value = in.get_vector<float>(out.rows() * n_sources);
    out.added = in.get_vector<float>(out.rows());
    in.check(out.frame.highest.size() == n_sources && out.value.size() == out.rows() * n_sources &&
                 out.added.size() == out.rows(),
             "an impossible count");
    for (const auto* numbers : {&out.frame.highest, &out.score, &out.value, &out.added}) {
      in.check(std::ranges::all_of(*numbers, [](float x) { return std::isfinite(x); }), "a number that is not finite");
    }
    return out;
  }
};

/// Options of a choice log.
struct choice_log_options {
  /// The latest choices kept; 0 = none. Range [0, 10^6].
  std::size_t choices = 8000;
  /// Candidates kept of a choice beside the one taken: half of them the best of the blend, the others drawn among those
  /// left. Range [2, 65536].
  std::size_t others = 40;

  /// Errors: invalid_argument, naming the option.
  void validate() const {
    tandem::detail::require(choices <= 1'000'000, "ranker.choices", "[0, 1000000]");
    tandem::detail::require(others >= 2 && others <= 65536, "ranker.others", "[2, 65536]");
  }
};

/// A ring of choices. The same choices give the same rows, whatever else is drawn.
///
/// Threads: thread-compatible; what latest() returned stays as it is. Memory: 4 (n_sources + 2) bytes a row: 3 KB for
/// 41 rows of 18 sources.
class choice_log {
 public:
  explicit choice_log(std::size_t n_sources = 0, choice_log_options options = {})
      : n_sources_(n_sources), options_(options) {
    options_.validate();
  }

  /// Keeps that candidate `taken` was chosen among `offered` (subscripts of `set`, `taken` among them).
  /// @param blended  the blend's score of each candidate.   @param user  whose choice it was.
  /// @param effect   of each of `offered`, what its place on the page adds to the score; empty = nothing.
  /// Complexity: O(candidates * sources). Strong guarantee.
  void add(const candidate_set& set, std::span<const std::size_t> offered, std::size_t taken,
           std::span<const float> blended, user_index user, std::span<const float> effect = {}) {
    if (options_.choices == 0 || offered.size() < 2) return;
    auto made = std::make_shared<choice>();
    made->user = user;
    made->frame = choice_frame::of(set, blended);
    std::vector<row> rows;
    rows.reserve(offered.size());
    for (std::size_t k = 0; k < offered.size(); ++k) rows.push_back({offered[k], effect.empty() ? 0 : effect[k]});
    std::stable_partition(rows.begin(), rows.end(), [&](const row& each) { return each.candidate == taken; });
    sample(rows, blended);
    made->value.reserve(rows.size() * n_sources_);
    made->score.reserve(rows.size());
    made->added.reserve(rows.size());
    for (const row& each : rows) {
      const auto first = set.value.begin() + static_cast<std::ptrdiff_t>(each.candidate * n_sources_);
      made->value.insert(made->value.end(), first, first + static_cast<std::ptrdiff_t>(n_sources_));
      made->score.push_back(blended[each.candidate]);
      made->added.push_back(each.added);
    }
    kept_.push_back(std::move(made));
    ++seen_;
    if (kept_.size() > options_.choices) kept_.pop_front();
  }

  /// Drops the choices of some users. Complexity: O(choices * |users|).
  void remove(std::span<const user_index> users) {
    std::erase_if(kept_, [&](const auto& each) { return std::ranges::find(users, each->user) != users.end(); });
  }

  [[nodiscard]] const choice_log_options& options() const noexcept { return options_; }
  [[nodiscard]] std::size_t size() const noexcept { return kept_.size(); }
  /// All that is kept, oldest first. Complexity: O(size()).
  [[nodiscard]] std::vector<std::shared_ptr<const choice>> latest() const { return {kept_.begin(), kept_.end()}; }

  /// Writes everything it knows.
  void save(byte_writer& out) const {
    out.section("choice_log");
    out.put(seen_);
    out.count(kept_.size());
    for (const auto& each : kept_) each->save(out);
  }
  /// The log that save() wrote: it goes on with the same bits. Errors: bad_format, also for other than `n_sources`
  /// sources and for more choices than the options allow.
  [[nodiscard]] static choice_log load(byte_reader& in, std::size_t n_sources, choice_log_options options = {}) {
    in.section("choice_log");
    choice_log out(n_sources, options);
    out.seen_ = in.get<std::uint64_t>();
    for (std::size_t n = in.count(options.choices); n > 0; --n) {
      out.kept_.push_back(std::make_shared<const choice>(choice::load(in, n_sources)));
    }
    return out;
  }

 private:
  struct row {
    std::size_t candidate;
    float added;
  };

  // leaves the one taken, the best half of the others, and some of the rest, when there are more than are kept
  void sample(std::vector<row>& rows, std::span<const float> blended) const {
    if (rows.size() <= 1 + options_.others) return;
    const std::size_t best = 1 + options_.others / 2;
    const auto split = rows.begin() + static_cast<std::ptrdiff_t>(best);
    std::partial_sort(rows.begin() + 1, split, rows.end(), [&](const row& a, const row& b) {
      const float of_a = blended[a.candidate];
      const float of_b = blended[b.candidate];
      return of_a > of_b || (of_a == of_b && a.candidate < b.candidate);
    });
    std::ranges::sort(split, rows.end(), {}, &row::candidate);
    random_stream random(seen_);
    const std::size_t left = rows.size() - best;
    const std::size_t drawn = options_.others - options_.others / 2;
    for (std::size_t k = 0; k < drawn; ++k) std::swap(rows[best + k], rows[best + k + random.below(left - k)]);
    rows.resize(best + drawn);
    const float stands_for = std::log(static_cast<float>(left) / static_cast<float>(drawn));
    for (std::size_t k = best; k < rows.size(); ++k) rows[k].added += stands_for;
  }

  std::size_t n_sources_;
  choice_log_options options_;
  std::deque<std::shared_ptr<const choice>> kept_;
  std::uint64_t seen_ = 0;  // in all
};

}  // namespace hybrid
TANDEM_END
