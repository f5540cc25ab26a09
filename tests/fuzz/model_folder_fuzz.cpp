// Saved models whose model.json, ids or numbers are any bytes: load_model(), load_item_model(), kind_of_model().

#include <algorithm>
#include <array>

#include "fuzz.hpp"
#include "tandem/model_files.hpp"

using namespace tandem;
namespace fs = std::filesystem;

namespace {

constexpr std::array<const char*, 3> kinds = {"factors", "dense", "sparse"};

// one model of each kind, and beside it a folder to damage
void make(const fs::path& root) {
  const std::vector<std::string> ids = {"a", "b\"c", "\xC3\xA9"};
  model_notes notes{.items = ids, .learner = "ials"};
  save_model(root / "dense", batch::ease_model::from_weights({0, 1, 2, 3, 0, 4, 5, 6, 0}, 3), notes);
  save_model(root / "sparse", batch::item_weights::from_rows({0, 1, 1, 2}, {2, 0}, {0.5F, 1.5F}), notes);
  notes.users = {"x", "y"};
  save_model(root / "factors", batch::factor_model::from_factors({1, 2, 3, 4}, {1, 0, 0, 1, 1, 1}, 2, {}), notes);
  for (const char* kind : kinds)
    fs::copy(root / kind, root / (std::string("damaged-") + kind), fs::copy_options::recursive);
}

const fs::path& root() {
  static const fs::path made = [] {
    make(tandem_fuzz::folder());
    return tandem_fuzz::folder();
  }();
  return made;
}

std::string bare_manifest(const std::string& kind) {
  const std::string name = kind == "factors" ? "factors" : kind == "dense" ? "item_weights" : "sparse_item_weights";
  return R"({"format_version":1,"kind":")" + name + "\"}";
}

std::vector<fs::path> files_of(const fs::path& model) {
  std::vector<fs::path> out;
  for (const auto& each : fs::directory_iterator(model)) out.push_back(each.path().filename());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

void tandem_fuzz::run(std::string_view input) {
  const std::uint8_t which = choice(input);
  const std::string kind = kinds[which % 3];
  const fs::path whole = root() / kind;
  const fs::path damaged = root() / ("damaged-" + kind);
  const std::vector<fs::path> files = files_of(whole);
  const fs::path file = files[which / 3 % files.size()];
  write_bytes(damaged / file, input);
  // without the list of sums, or none but model.json would ever be read
  if (file != "model.json") write_bytes(damaged / "model.json", bare_manifest(kind));
  taken([&] { (void)kind_of_model(damaged); });
  taken([&] {
    const saved_model model = load_model(damaged);
    claim(model.notes.items.empty() || model.notes.items.size() == model.factors.n_items());
    const std::vector<float> user(model.factors.rank(), 1.0F);
    std::vector<float> scores(model.factors.n_items());
    if (!scores.empty()) model.factors.score(user, scores);
  });
  taken([&] { (void)load_item_model(damaged); });
  for (const fs::path& each : files) fs::copy_file(whole / each, damaged / each, fs::copy_options::overwrite_existing);
}

std::vector<std::string> tandem_fuzz::seeds() {
  std::vector<std::string> out;
  for (std::size_t kind = 0; kind < 3; ++kind) {
    const auto files = files_of(root() / kinds[kind]);
    for (std::size_t k = 0; k < files.size(); ++k) {
      out.push_back(std::string(1, static_cast<char>(kind + 3 * k)) + bytes_of(root() / kinds[kind] / files[k]));
    }
  }
  return out;
}
