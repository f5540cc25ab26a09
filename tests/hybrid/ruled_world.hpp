#pragma once
// A small catalogue with attributes and item factors, for tests of rules and of diversity.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "hybrid/small_world.hpp"
#include "tandem/batch/factor_model.hpp"
#include "tandem/core/random.hpp"
#include "tandem/hybrid/page_rules.hpp"

namespace ruled_world {

using namespace tandem;

// a world whose facts are numbers: fact f is a value of attribute attribute_of[f]
struct catalogue : small_world::world {
  catalogue(std::size_t n_items, std::vector<std::uint32_t> attribute_of) : small_world::world(n_items) {
    known.attributes.grow(n_items);
    rules.attribute_of.grow(attribute_of.size());
    for (std::size_t f = 0; f < attribute_of.size(); ++f) rules.attribute_of.write(f) = attribute_of[f];
  }

  void give(std::size_t item, std::vector<std::uint32_t> facts) { known.attributes.write(item) = std::move(facts); }

  // items beyond `trained` have no factors
  void give_factors(std::size_t trained, std::size_t rank, std::uint64_t seed) {
    random_stream random(seed);
    std::vector<float> y(trained * rank);
    for (float& x : y) x = static_cast<float>(random.normal());
    auto model = std::make_shared<batch::factor_model>(batch::factor_model::from_factors({}, std::move(y), rank, {}));
    known.batch = std::make_shared<const hybrid::batch_snapshot>(std::move(model));
  }

  hybrid::known_rules rules;
};

}  // namespace ruled_world
