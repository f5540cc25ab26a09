#pragma once
// A non-owning reference to a callable, for arguments that are called before the function returns.

#include <memory>
#include <type_traits>
#include <utility>

#include "tandem/core/config.hpp"

TANDEM_BEGIN

template <class Signature>
class function_ref;

/// Refers to any callable with the given signature: a plain function, or an object, which it must not outlive. A result
/// that `void` does not want is dropped. Never allocates. Threads: as the callable itself.
template <class R, class... Args>
class function_ref<R(Args...)> {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, function_ref> && std::is_invocable_r_v<R, F&, Args...>)
      function_ref(F&& f)
  noexcept  // NOLINT(google-explicit-constructor): an argument adaptor
      : callable_(refer(f)), call_([](target to, Args... args) -> R {
          auto& callable = recall<F>(to);
          if constexpr (std::is_void_v<R>) {
            callable(std::forward<Args>(args)...);
          } else {
            return callable(std::forward<Args>(args)...);
          }
        }) {}

  R operator()(Args... args) const { return call_(callable_, std::forward<Args>(args)...); }

 private:
  union target {
    const void* object;
    void (*function)();
  };

  template <class F>
  static constexpr bool is_plain_function = std::is_function_v<std::remove_pointer_t<std::remove_cvref_t<F>>>;

  template <class F>
  static target refer(F& f) noexcept {
    target to{};
    if constexpr (is_plain_function<F>) {
      to.function = reinterpret_cast<void (*)()>(static_cast<std::decay_t<F>>(f));
    } else {
      to.object = std::addressof(f);
    }
    return to;
  }

  template <class F>
  static auto& recall(target to) noexcept {
    if constexpr (is_plain_function<F>) {
      return *reinterpret_cast<std::decay_t<F>>(to.function);
    } else {
      return *static_cast<std::remove_reference_t<F>*>(const_cast<void*>(to.object));
    }
  }

  target callable_;
  R (*call_)(target, Args...);
};

TANDEM_END
