#pragma once
// One include for Catch2 2.x (Debian 12) and 3.x (newer distributions, vcpkg, Conan). Stay in their common subset.

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
using Catch::Approx;  // 2.x has it in the global namespace already
#else
#include <catch2/catch.hpp>
#endif
