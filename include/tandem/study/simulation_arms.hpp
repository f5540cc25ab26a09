#pragma once
// Who meets the population: the engine's three arms, as a host would run them, and the two references.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/engine.hpp"
#include "tandem/study/arms.hpp"
#include "tandem/study/contenders.hpp"
#include "tandem/study/simulation.hpp"

TANDEM_BEGIN
namespace study {

/// An engine as a recommender.
///
/// A page is asked for with the channel as context and the visit's earlier pages blocked, and is not a shadow: takings
/// are its rewards. What people found by themselves is an event. An item is told with its category when it comes, and
/// retired when it leaves. Nights refit unless told otherwise. Nothing else is told: neither tastes nor places.
class engine_recommender final : public recommender {
 public:
  /// @param world    for the items' categories; must live as long.
  /// @param refits   whether a night refits.
  /// Errors: as the constructor of tandem::engine.
  engine_recommender(const population& world, engine_options options, bool refits);

  void launch(std::uint32_t item) override;
  void retire(std::uint32_t item) override;
  void night(timestamp time) override;
  void advance(timestamp time) override { subject_.advance(time); }
  void show(const page_request& asked, std::vector<std::uint32_t>& page) override;
  /// Errors: wrong_state when the engine does not take the event.
  void taken(const taking& what) override;

  [[nodiscard]] const engine& subject() const noexcept { return subject_; }

 private:
  const population& world_;
  engine subject_;
  bool refits_;
  std::vector<std::string> items_, users_, categories_;
  std::vector<decision_id> last_page_;  // by user
  std::vector<std::string_view> blocked_;
};

/// Runs one contender through the population.
///
/// An arm is an engine made from `base` with the arm's sources (study::arms): batch is the factor model alone, refitted
/// every night, which answers strangers with what was popular at that night; real-time has every source that needs no
/// model; hybrid is the default. Errors: as simulate(); as the constructor of tandem::engine.
[[nodiscard]] simulation_result simulate(contender who, const population& world, engine_options base = {},
                                         const progress& callback = {});

}  // namespace study
TANDEM_END

#include "tandem/study/detail/simulation_arms_impl.hpp"
