#pragma once
// An engine in a file: what it takes is on disk when observe() returns, and is there when it is opened again.
//
// Link tandem::sqlite. See store/sqlite_store.hpp for what each level of durability promises.

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "tandem/engine.hpp"
#include "tandem/store/sqlite_store.hpp"

TANDEM_BEGIN

/// Opens the engine of a file, or makes a new one. It goes on with the bits that an engine never closed would have, as
/// long as the options are those it had; a few others (of sources, of learners) make it learn its log anew.
/// @param sources  the host's own, behind the built-in ones.
/// Complexity: O(what was learned + entries since the latest checkpoint); engine::opened() tells.
/// Errors: as open_sqlite() and engine's constructor.
[[nodiscard]] inline engine open(const std::string& path, engine_options options = {}, const file_options& file = {},
                                 std::span<const std::shared_ptr<const hybrid::source>> sources = {}) {
  return engine(std::move(options), open_sqlite(path, file), sources);
}

TANDEM_END
