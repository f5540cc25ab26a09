#pragma once
// All of tandem but the study, the opt-in edges (json.hpp, xtensor.hpp, data/jsonl_reader.hpp), and two headers whose
// algebra is slow to compile: batch/align.hpp and online/linear_bandit.hpp with its linear_posterior.hpp.

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
