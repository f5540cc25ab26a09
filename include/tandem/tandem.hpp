#pragma once
// What the engine is made of. Included one by one where they are wanted: the study, the opt-in edges (json.hpp,
// xtensor.hpp, hnsw.hpp, model_files.hpp, data/jsonl_reader.hpp), the keys of encryption (store/key_ring.hpp), the
// other learners of batch/ (ease.hpp, next_item_ridge.hpp, item_knn.hpp, bpr.hpp, biased_mf.hpp, boosted_trees.hpp,
// segments.hpp, side_features.hpp, top_n.hpp), and headers whose algebra is slow: batch/align.hpp, and what stands on
// online/linear_posterior.hpp (linear_, logistic_, auto_ and hybrid_bandit, send_or_not, hybrid/factor_prior.hpp).

#include "tandem/batch/popularity.hpp"
#include "tandem/batch/tune.hpp"
#include "tandem/core/thread_pool.hpp"
#include "tandem/data/readers.hpp"
#include "tandem/data/split.hpp"
#include "tandem/engine.hpp"
#include "tandem/evaluation/bootstrap.hpp"
#include "tandem/evaluation/bounded_off_policy.hpp"
#include "tandem/evaluation/confidence_sequence.hpp"
#include "tandem/evaluation/experiment.hpp"
#include "tandem/evaluation/interleaving.hpp"
#include "tandem/evaluation/off_policy.hpp"
#include "tandem/evaluation/ranking.hpp"
#include "tandem/evaluation/slate_off_policy.hpp"
#include "tandem/evaluation/slope.hpp"
#include "tandem/online/apprentice.hpp"
#include "tandem/online/beta_bandit.hpp"
#include "tandem/online/challenge.hpp"
#include "tandem/online/channel_rates.hpp"
#include "tandem/online/click_model.hpp"
#include "tandem/online/conservative_guard.hpp"
#include "tandem/online/count_bandit.hpp"
#include "tandem/online/decision_loop.hpp"
#include "tandem/online/drift_watch.hpp"
#include "tandem/online/exp3_ix.hpp"
#include "tandem/online/policy.hpp"
#include "tandem/online/reward_shaping.hpp"
#include "tandem/online/send_history.hpp"
#include "tandem/online/serving.hpp"
#include "tandem/online/session_knn.hpp"
#include "tandem/online/sliding_window.hpp"
#include "tandem/online/tuned.hpp"
