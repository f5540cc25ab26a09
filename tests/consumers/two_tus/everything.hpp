#pragma once
// Everything that tandem is.
#include <tandem/tandem.hpp>
#if defined(WITH_JSON) && __has_include(<tandem/json.hpp>)
#include <tandem/json.hpp>
#endif
#if defined(WITH_XTENSOR) && __has_include(<tandem/xtensor.hpp>)
#include <tandem/xtensor.hpp>
#endif
