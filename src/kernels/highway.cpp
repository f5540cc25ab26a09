// The kernels in Highway: this file is compiled once for every instruction set, each into a namespace of its own.
//
// Raw pointers and sizes only; no Eigen, and no header of the library is first read inside a target's region.

// Highway 1.0.3 refuses to build its dispatch when the compiler's own flags already go beyond it (AVX-512 with VNNI),
// and away from x86 we do not dispatch: then the one target of the flags is compiled.
#if !defined(HWY_COMPILE_ONLY_STATIC) && (defined(__AVX512VNNI__) || !(defined(__x86_64__) || defined(_M_X64)))
#define HWY_COMPILE_ONLY_STATIC
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "highway.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h, as Highway requires
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <cfloat>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "levels.hpp"
#include "tandem/detail/kernels_portable.hpp"
#include "tandem/detail/ud_gaussian.hpp"

// Targets below SSE4 gain nothing over the portable loops; vectors of unknown length are not supported.
#undef TANDEM_TARGET
#if HWY_ARCH_X86
#define TANDEM_TARGET (HWY_TARGET <= HWY_SSE4)  // a smaller bit is a better target
#else
#define TANDEM_TARGET (HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128 && !HWY_HAVE_SCALABLE)
#endif

#if TANDEM_TARGET
HWY_BEFORE_NAMESPACE();
namespace tandem_kernels {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using std::size_t;
using tag = hn::ScalableTag<float>;
using vec = hn::Vec<tag>;

constexpr tag d{};
constexpr size_t lanes = HWY_LANES(float);

// each uses those before it
#include "rows-inl.hpp"

#include "gram-inl.hpp"

#include "bfloat16-inl.hpp"
#include "cholesky-inl.hpp"
#include "dual_gram-inl.hpp"

#include "cholesky_sixteen-inl.hpp"
#include "gaussian_panels-inl.hpp"
#include "scan-inl.hpp"
#include "screen-inl.hpp"

}  // namespace

#if HWY_TARGET == HWY_SSE4
#define TANDEM_LEVEL "sse4"
#elif HWY_TARGET == HWY_AVX2
#define TANDEM_LEVEL "avx2"
#elif HWY_ARCH_X86
#define TANDEM_LEVEL "avx512"
#else
#define TANDEM_LEVEL "simd"
#endif

// a constant, not a function: nothing of a target may run before the CPU is known to have it
constexpr tandem::kernel_table table{dot,
                                     axpy,
                                     score_rows,
                                     screen_panels,
                                     gram_accumulate,
                                     dual_gram_accumulate,
                                     gather_dot,
                                     gather_sum,
                                     round_to_bfloat16,
                                     gram_accumulate_bfloat16,
                                     gather_sum_bfloat16,
                                     rank_one_update,
                                     multiply,
                                     cholesky_solve,
                                     cholesky_solve_sixteen,
                                     sixteen_pays_to,
                                     predict_panels,
                                     update_panel,
                                     spread,
                                     next_above,
                                     class_maxima,
                                     count_equal,
                                     TANDEM_LEVEL};
#undef TANDEM_LEVEL
}  // namespace HWY_NAMESPACE
}  // namespace tandem_kernels
HWY_AFTER_NAMESPACE();
#endif  // TANDEM_TARGET

#if HWY_ONCE
TANDEM_BEGIN
namespace detail {

level_list highway_levels() noexcept {
  level_list list;
  const auto supported = hwy::SupportedTargets();
  const auto add = [&](auto target, const kernel_table& table) {
    if ((supported & target) != 0) list.tables[list.size++] = table;
  };
#if TANDEM_TARGET  // of the last pass: the target of this build's own flags, below all the others
  add(HWY_STATIC_TARGET, tandem_kernels::HWY_NAMESPACE::table);
#endif
#if HWY_ARCH_X86
#if HWY_TARGETS & HWY_SSE4
  add(HWY_SSE4, tandem_kernels::N_SSE4::table);
#endif
#if HWY_TARGETS & HWY_AVX2
  add(HWY_AVX2, tandem_kernels::N_AVX2::table);
#endif
#if HWY_TARGETS & HWY_AVX3
  add(HWY_AVX3, tandem_kernels::N_AVX3::table);
#endif
#if HWY_TARGETS & HWY_AVX3_DL
  add(HWY_AVX3_DL, tandem_kernels::N_AVX3_DL::table);
#endif
#if defined(HWY_AVX3_ZEN4) && (HWY_TARGETS & HWY_AVX3_ZEN4)
  add(HWY_AVX3_ZEN4, tandem_kernels::N_AVX3_ZEN4::table);
#endif
#if defined(HWY_AVX3_SPR) && (HWY_TARGETS & HWY_AVX3_SPR)
  add(HWY_AVX3_SPR, tandem_kernels::N_AVX3_SPR::table);
#endif
#endif
  return list;
}

}  // namespace detail
TANDEM_END
#endif  // HWY_ONCE
