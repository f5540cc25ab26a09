#pragma once
// What the engine is made of. Included one by one where they are wanted: the study, the opt-in edges (json.hpp,
// xtensor.hpp, hnsw.hpp, model_files.hpp, data/jsonl_reader.hpp), the other learners of batch/ (ease.hpp, item_knn.hpp,
// bpr.hpp, biased_mf.hpp, boosted_trees.hpp, segments.hpp, side_features.hpp, top_n.hpp), and two headers whose algebra
// is slow: batch/align.hpp and online/linear_bandit.hpp with its linear_posterior.hpp.

#include "tandem/batch/popularity.hpp"
#include "tandem/batch/tune.hpp"
#include "tandem/core/thread_pool.hpp"
#include "tandem/data/readers.hpp"
#include "tandem/data/split.hpp"
#include "tandem/engine.hpp"
#include "tandem/evaluation/bootstrap.hpp"
#include "tandem/evaluation/off_policy.hpp"
#include "tandem/evaluation/ranking.hpp"
#include "tandem/online/beta_bandit.hpp"
#include "tandem/online/policy.hpp"
#include "tandem/online/tuned.hpp"
