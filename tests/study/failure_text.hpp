#pragma once
// What a call that fails says.

#include <initializer_list>
#include <string>
#include <string_view>

#include "tandem/core/error.hpp"

/// The text of the tandem::error that f throws; empty when it throws none.
template <class F>
std::string failure_text(F&& f) {
  try {
    f();
  } catch (const tandem::error& e) {
    return e.what();
  }
  return {};
}

/// Whether a text holds all of these.
inline bool holds(std::string_view text, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) {
    if (text.find(part) == std::string_view::npos) return false;
  }
  return true;
}
