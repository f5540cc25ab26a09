#pragma once
// A non-owning reference to a callable, for arguments that are called before the function returns.

#include <memory>
#include <type_traits>
#include <utility>

#include "tandem/core/config.hpp"

TANDEM_BEGIN

template <class Signature>
class function_ref;

/// Refers to any callable with the given signature. Never allocates; must not outlive the callable.
/// Threads: as the callable itself.
template <class R, class... Args>
class function_ref<R(Args...)> {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, function_ref> && std::is_invocable_r_v<R, F&, Args...>)
      function_ref(F&& f)
  noexcept  // NOLINT(google-explicit-constructor): an argument adaptor
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<Args>(args)...);
        }) {}

  R operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

TANDEM_END
