// Snapshots of any bytes, under checksums that are right: the engine that goes on from them, or passes them over.

#include "engine_life.hpp"
#include "fuzz.hpp"
#include "tandem/store/sqlite_store.hpp"

using namespace tandem;

namespace {

struct taken_snapshot {
  snapshot_info info;
  std::string bytes;
};

std::string read_all(durable_store& from, std::uint64_t id) {
  std::string out;
  const auto reader = from.read_snapshot(id);
  for (auto run = reader->next(); !run.empty(); run = reader->next()) {
    out.append(reinterpret_cast<const char*>(run.data()), run.size());
  }
  return out;
}

// the newest of a kind in the whole file
taken_snapshot newest(snapshot_kind kind) {
  const tandem_fuzz::engine_file& whole = tandem_fuzz::whole_file();
  tandem_fuzz::put(whole.main, whole.wal);
  const auto store = open_sqlite(whole.path);
  for (const snapshot_info& each : store->snapshots()) {
    if (each.kind == kind) return {each, read_all(*store, each.id)};
  }
  std::abort();
}
const taken_snapshot& state() {
  static const taken_snapshot one = newest(snapshot_kind::state);
  return one;
}
const taken_snapshot& model() {
  static const taken_snapshot one = newest(snapshot_kind::model);
  return one;
}

std::uint64_t add(durable_store& to, const snapshot_info& like, std::string_view bytes) {
  const auto writer = to.write_snapshot(like.kind, like.at, like.options);
  writer->write(std::as_bytes(std::span(bytes)));
  return writer->finish();
}

}  // namespace

void tandem_fuzz::run(std::string_view input) {
  const std::uint8_t how = choice(input);
  const engine_file& whole = whole_file();
  const bool of_state = (how & 1U) != 0;
  const taken_snapshot& good_state = state();  // read before the file is put in place
  const taken_snapshot& good_model = model();
  const std::string& good = of_state ? good_state.bytes : good_model.bytes;
  const std::string bytes = (how & 2U) != 0 ? std::string(input) : changed(good, input);
  put(whole.main, whole.wal);
  {
    const auto store = open_sqlite(whole.path);
    if (of_state) {
      add(*store, good_state.info, bytes);
    } else {  // a state ends with the number of its model
      std::uint64_t id = add(*store, good_model.info, bytes);
      std::string names_it = good_state.bytes.substr(0, good_state.bytes.size() - sizeof id);
      for (std::size_t k = 0; k < sizeof id; ++k, id >>= 8U) names_it.push_back(static_cast<char>(id & 0xFFU));
      add(*store, good_state.info, names_it);
    }
  }
  live_on(false);
}

std::vector<std::string> tandem_fuzz::seeds() {
  return {'\3' + state().bytes, '\2' + model().bytes, std::string(1, '\0') + std::string("\0\0\x60\3abcd", 8),
          '\1' + std::string("\0\0\x60\3abcd", 8), '\1' + std::string("\0\1\x60\0\xFF.", 6)};
}
