#pragma once
// Response rates kept apart by channel: the same item does otherwise in a mail than on a page.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tandem/core/binary.hpp"
#include "tandem/core/config.hpp"
#include "tandem/core/ids.hpp"
#include "tandem/online/response_rate.hpp"

TANDEM_BEGIN
namespace online {

/// A response_rate for each channel, beside the one over all that the host keeps: ask with
/// `find(channel)->mean(item, all)`.
///
/// Threads: thread-compatible; a copy is a consistent snapshot. Memory: 24 bytes an item for each channel.
class channel_rates {
 public:
  /// Further channels are not kept apart: what is shown there counts in the rates over all alone.
  static constexpr std::size_t max_channels = 64;

  /// @param strength  of each channel's rates: see response_rate. Errors: invalid_argument.
  explicit channel_rates(double strength = 20) : none_(strength) {}

  /// The item was shown, or taken, in this channel; nothing for an empty name. Complexity: O(channels). Allocates: for
  /// new channels and items.
  void shown(std::string_view channel, item_index item) {
    if (response_rate* const rates = kept(channel)) rates->shown(item);
  }
  void taken(std::string_view channel, item_index item, double reward) {
    if (response_rate* const rates = kept(channel)) rates->taken(item, reward);
  }

  /// The rates of a channel; null when nothing was shown or taken there, or it is not kept apart.
  [[nodiscard]] const response_rate* find(std::string_view channel) const noexcept {
    const auto at = std::ranges::find(channels_, channel, &channel_of::first);
    return at != channels_.end() ? &at->second : nullptr;
  }
  /// Which one a channel is, from 1, in order of their first page; 0 = as find().
  [[nodiscard]] std::size_t number_of(std::string_view channel) const noexcept {
    const auto at = std::ranges::find(channels_, channel, &channel_of::first);
    return at != channels_.end() ? static_cast<std::size_t>(at - channels_.begin()) + 1 : 0;
  }
  [[nodiscard]] std::size_t size() const noexcept { return channels_.size(); }

  void save(byte_writer& out) const {
    out.section("channel_rates");
    none_.save(out);
    out.count(channels_.size());
    for (const auto& [name, rates] : channels_) {
      out.text(name);
      rates.save(out);
    }
  }
  /// Errors: bad_format, also for items beyond `n_items`.
  [[nodiscard]] static channel_rates load(byte_reader& in, std::size_t n_items = no_limit) {
    in.section("channel_rates");
    channel_rates out;
    out.none_ = response_rate::load(in, n_items);
    for (std::size_t left = in.count(max_channels); left > 0; --left) {
      std::string name = in.text(1U << 16U);
      in.check(!name.empty() && out.find(name) == nullptr, "a channel that came before");
      out.channels_.emplace_back(std::move(name), response_rate::load(in, n_items));
    }
    return out;
  }

 private:
  using channel_of = std::pair<std::string, response_rate>;

  [[nodiscard]] response_rate* kept(std::string_view channel) {
    if (channel.empty()) return nullptr;
    const auto at = std::ranges::find(channels_, channel, &channel_of::first);
    if (at != channels_.end()) return &at->second;
    return channels_.size() < max_channels ? &channels_.emplace_back(std::string(channel), none_).second : nullptr;
  }

  response_rate none_;  // what a new channel begins as
  std::vector<channel_of> channels_;
};

}  // namespace online
TANDEM_END
