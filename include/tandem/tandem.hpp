#pragma once
// All of tandem but the opt-in edges (json.hpp, xtensor.hpp) and the study.

#include "tandem/core/thread_pool.hpp"
#include "tandem/engine.hpp"
#include "tandem/evaluation/off_policy.hpp"
#include "tandem/evaluation/ranking.hpp"
#include "tandem/online/policy.hpp"
