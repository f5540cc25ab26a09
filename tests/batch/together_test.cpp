// Every header of batch/ in one program: their bodies share a namespace, and a name that two of them take is an error.

#include "support/catch.hpp"
#include "tandem/batch/align.hpp"
#include "tandem/batch/biased_mf.hpp"
#include "tandem/batch/boosted_trees.hpp"
#include "tandem/batch/boosted_trees_model.hpp"
#include "tandem/batch/bpr.hpp"
#include "tandem/batch/early_stopping.hpp"
#include "tandem/batch/ease.hpp"
#include "tandem/batch/factor_model.hpp"
#include "tandem/batch/history_model.hpp"
#include "tandem/batch/ials.hpp"
#include "tandem/batch/item_knn.hpp"
#include "tandem/batch/item_weights.hpp"
#include "tandem/batch/popularity.hpp"
#include "tandem/batch/segment_profile.hpp"
#include "tandem/batch/segment_tree.hpp"
#include "tandem/batch/segments.hpp"
#include "tandem/batch/side_features.hpp"
#include "tandem/batch/time_folds.hpp"
#include "tandem/batch/top_n.hpp"
#include "tandem/batch/tune.hpp"
#include "tandem/batch/validation.hpp"

TEST_CASE("all headers of batch can be included together") {
  CHECK(tandem::batch::boosted_trees_options{}.rounds > 0);
  CHECK(tandem::batch::segment_tree_options{}.max_depth > 0);
}
