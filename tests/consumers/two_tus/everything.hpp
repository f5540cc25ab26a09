#pragma once
// Everything that tandem is.
#include <tandem/tandem.hpp>
#ifdef WITH_SQLITE
#include <tandem/open.hpp>
#endif
#ifdef WITH_JSON
#include <tandem/json.hpp>
#endif
#ifdef WITH_XTENSOR
#include <tandem/xtensor.hpp>
#endif
#ifdef WITH_HNSW
#include <tandem/hnsw.hpp>
#endif
