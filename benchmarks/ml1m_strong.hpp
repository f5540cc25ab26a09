#pragma once
// MovieLens 1M in the strong-generalisation protocol of Liang et al. 2018, and splits of its training users like it.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "quality_support.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/core/random.hpp"

namespace quality {

/// What Rendle et al. 2021 published for MovieLens 1M, in another protocol (rank 192 there): not tuned on this split.
inline batch::ials_options published_ials(std::size_t rank) {
  return {.rank = rank, .alpha0 = 0.3F, .regularization = 0.007F, .epochs = 12};
}

/// Lists of items, one a user.
using histories = std::vector<std::vector<item_index>>;

inline histories read_histories(const std::filesystem::path& path) {
  std::ifstream in = open(path);
  std::map<unsigned, std::vector<item_index>> by_user;
  std::string line;
  std::getline(in, line);  // uid,sid
  for (std::uint64_t number = 2; std::getline(in, line); ++number) {
    unsigned user = 0;
    unsigned item = 0;
    if (std::sscanf(line.c_str(), "%u,%u", &user, &item) != 2) {
      throw error(errc::bad_format, "is not uid,sid", {path.string(), number, {}});
    }
    by_user[user].push_back(item_index{item});
  }
  histories out;
  for (auto& each : by_user) {
    std::sort(each.second.begin(), each.second.end());
    out.push_back(std::move(each.second));
  }
  return out;
}

inline interactions to_log(const histories& users, std::size_t n_items) {
  std::vector<interaction> events;
  for (std::uint32_t u = 0; u < users.size(); ++u) {
    for (const item_index item : users[u]) events.push_back({user_index{u}, item, 1.0F, {}});
  }
  return interactions::from_events(events, users.size(), n_items);
}

/// The training users, and the 1,000 others with what is known of them (80 %) and what is to be found (the rest).
inline judged_split read_ml1m_strong(const std::filesystem::path& folder) {
  const histories parts[] = {read_histories(folder / "train.csv"), read_histories(folder / "validation_tr.csv"),
                             read_histories(folder / "validation_te.csv")};
  std::size_t n_items = 0;
  for (const histories& part : parts) {
    for (const auto& items : part) n_items = std::max(n_items, slot(items.back()) + 1);
  }
  if (parts[1].size() != parts[2].size()) {
    throw error(errc::bad_format, "has other users than validation_tr.csv",
                {(folder / "validation_te.csv").string(), 0, {}});
  }
  return {to_log(parts[0], n_items), to_log(parts[1], n_items), to_log(parts[2], n_items)};
}

/// The same protocol inside `log`: `n_held` of its users are taken out, a fifth of their items hidden. Different
/// `part`s of one seed take out different users.
inline judged_split hold_out_users(const interactions& log, std::size_t n_held, std::size_t part, std::uint64_t seed) {
  random_stream random(seed);
  std::vector<std::uint32_t> order(log.n_users());
  for (std::uint32_t u = 0; u < order.size(); ++u) order[u] = u;
  for (std::size_t u = order.size(); u > 1; --u) std::swap(order[u - 1], order[random.below(u)]);
  histories train, given, targets;
  for (std::size_t at = 0; at < order.size(); ++at) {
    std::vector<item_index> items = items_in(log, order[at]);
    if (at / n_held != part) {
      train.push_back(std::move(items));
      continue;
    }
    const std::size_t hidden = std::max<std::size_t>(1, items.size() / 5);
    for (std::size_t i = 0; i < hidden; ++i) std::swap(items[i], items[i + random.below(items.size() - i)]);
    const auto cut = items.begin() + static_cast<std::ptrdiff_t>(hidden);
    targets.emplace_back(items.begin(), cut);
    given.emplace_back(cut, items.end());
  }
  return {to_log(train, log.n_items()), to_log(given, log.n_items()), to_log(targets, log.n_items())};
}

}  // namespace quality
