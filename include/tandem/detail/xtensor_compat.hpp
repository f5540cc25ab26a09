#pragma once
// xtensor moved its headers into folders in 0.26 and left nothing behind: look in the new place first.

#if __has_include(<xtensor/containers/xtensor.hpp>)  // 0.26 and later
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xtensor.hpp>
#elif __has_include(<xtensor/xtensor.hpp>)
#include <xtensor/xadapt.hpp>
#include <xtensor/xtensor.hpp>
#else
#error "tandem/xtensor.hpp needs xtensor (Debian: libxtensor-dev); link tandem::xtensor"
#endif
