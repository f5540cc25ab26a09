#pragma once
// hnswlib 0.6 to 0.8 without its own distances: with them, 0.6 defines functions that are not inline, and a program
// with two sources that include it does not link. They are macros' doing, so a host that wants them includes hnswlib
// before tandem/hnsw.hpp in that source.

#if !__has_include(<hnswlib/hnswlib.h>)
#error "tandem/hnsw.hpp needs hnswlib (Debian: libhnswlib-dev); link tandem::hnsw"
#endif

// what its headers use and 0.6 does not include
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <unordered_map>

#if !defined(NO_MANUAL_VECTORIZATION)
#define NO_MANUAL_VECTORIZATION
#define TANDEM_UNDEFINE_NO_MANUAL_VECTORIZATION
#endif
#if defined(__GNUC__) || defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wreorder"
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Wignored-qualifiers"
#endif
#include <hnswlib/hnswlib.h>
#if defined(__GNUC__) || defined(__clang__)
#pragma GCC diagnostic pop
#endif
#if defined(TANDEM_UNDEFINE_NO_MANUAL_VECTORIZATION)
#undef TANDEM_UNDEFINE_NO_MANUAL_VECTORIZATION
#undef NO_MANUAL_VECTORIZATION
#endif
