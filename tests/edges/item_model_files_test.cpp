#if __has_include(<nlohmann/json.hpp>)
#include <cmath>
#include <filesystem>
#include <limits>

#include "model_folder.hpp"
#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/model_files.hpp"
#include "tandem/version.hpp"

using namespace tandem;
using namespace model_folder;

namespace {

batch::ease_model dense_model(std::size_t n) {
  random_stream random(n, 1);
  std::vector<float> weights(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) weights[i * n + j] = i == j ? 0 : static_cast<float>(random.normal());
  }
  return batch::ease_model::from_weights(weights, n);
}

// About a third of the entries; some rows are empty.
batch::item_weights sparse_model(std::size_t n, std::uint64_t seed = 1) {
  random_stream random(n, seed);
  std::vector<std::size_t> start{0};
  std::vector<std::uint32_t> index;
  std::vector<float> weight;
  for (std::size_t i = 0; i < n; ++i) {
    const double share = random.uniform() < 0.2 ? 0 : 0.4;
    for (std::uint32_t j = 0; j < n; ++j) {
      if (random.uniform() >= share) continue;
      index.push_back(j);
      weight.push_back(static_cast<float>(random.normal()));
    }
    start.push_back(index.size());
  }
  return batch::item_weights::from_rows(start, index, weight);
}

bool same_rows(const batch::item_weights& a, const batch::item_weights& b) {
  if (a.n_items() != b.n_items() || a.size() != b.size()) return false;
  for (std::uint32_t i = 0; i < a.n_items(); ++i) {
    const auto x = a.row_of(item_index{i});
    const auto y = b.row_of(item_index{i});
    if (!std::equal(x.index.begin(), x.index.end(), y.index.begin(), y.index.end()) || !same(x.weight, y.weight)) {
      return false;
    }
  }
  return true;
}

error refused(const fs::path& folder) {
  return failure([&] { (void)load_item_model(folder); });
}

template <class Number>
std::string vector_file(const std::string& descr, const std::vector<Number>& numbers) {
  return numpy_file(descr, "False", "(" + std::to_string(numbers.size()) + ",)", numbers);
}

const batch::item_weights& sparse_of(const saved_item_model& saved) {
  return std::get<batch::item_weights>(saved.weights);
}

// The folder of a sparse model of three items, made elsewhere.
void write_small_model(const fs::path& folder) {
  write_bytes(folder / "model.json", R"({"format_version": 1, "kind": "sparse_item_weights"})");
  write_bytes(folder / "item_weights_start.npy", vector_file<std::int64_t>("<i8", {0, 2, 2, 3}));
  write_bytes(folder / "item_weights_index.npy", vector_file<std::int32_t>("<i4", {1, 2, 0}));
  write_bytes(folder / "item_weights_value.npy", vector_file<float>("<f4", {0.5F, -1, 2}));
}

}  // namespace

TEST_CASE("weights between items and their notes come back bit for bit") {
  const scratch directory;
  model_notes notes;
  notes.items = three_ids;
  notes.learner = "ease";
  notes.options["regularization"] = 500;
  const batch::ease_model dense = dense_model(3);
  save_model(directory.path, dense, notes);
  CHECK(kind_of_model(directory.path) == saved_kind::item_weights);
  const saved_item_model again = load_item_model(directory.path);
  CHECK(same(std::get<batch::ease_model>(again.weights).weights(), dense.weights()));
  CHECK(again.notes.items == three_ids);
  CHECK(again.notes.users.empty());
  CHECK(again.notes.learner == "ease");
  CHECK(again.notes.options == notes.options);
  CHECK_FALSE(again.notes.has_weights);
  for (std::size_t n = 0; n < 40; ++n) {
    const batch::item_weights sparse = sparse_model(n);
    save_model(directory.path, sparse);
    CHECK(kind_of_model(directory.path) == saved_kind::sparse_item_weights);
    CHECK(same_rows(sparse_of(load_item_model(directory.path)), sparse));
    const batch::ease_model square = dense_model(n);
    save_model(directory.path, square);
    const saved_item_model loaded = load_item_model(directory.path);
    CHECK(same(std::get<batch::ease_model>(loaded.weights).weights(), square.weights()));
  }
}

TEST_CASE("a model of another kind takes the place of the files of the one before") {
  const scratch directory;
  const auto files = [&] { return std::distance(fs::directory_iterator(directory.path), {}); };
  model_notes notes;
  notes.users = three_ids;
  const auto factors = batch::factor_model::from_factors({1, 2, 3}, {4, 5}, 1, {});
  save_model(directory.path, factors, notes);
  write_bytes(directory.path / "README", "mine");
  CHECK(files() == 5);
  CHECK(kind_of_model(directory.path) == saved_kind::factors);
  save_model(directory.path, sparse_model(5));
  CHECK(files() == 5);  // the manifest, three arrays, README
  CHECK(same_rows(sparse_of(load_item_model(directory.path)), sparse_model(5)));
  save_model(directory.path, dense_model(4));
  CHECK(files() == 3);
  save_model(directory.path, factors);
  CHECK(files() == 4);
  CHECK(load_model(directory.path).factors.n_users() == 3);
  CHECK(bytes_of(directory.path / "README") == "mine");
}

TEST_CASE("the files of a sparse model are these bytes") {
  const scratch directory;
  model_notes notes;
  notes.learner = "item-knn";
  save_model(directory.path, batch::item_weights::from_rows({0, 2, 2, 3}, {1, 2, 0}, {0.5F, -1, 2}), notes);
  CHECK(bytes_of(directory.path / "item_weights_start.npy") == vector_file<std::int64_t>("<i8", {0, 2, 2, 3}));
  CHECK(bytes_of(directory.path / "item_weights_index.npy") == vector_file<std::int32_t>("<i4", {1, 2, 0}));
  CHECK(bytes_of(directory.path / "item_weights_value.npy") == vector_file<float>("<f4", {0.5F, -1, 2}));
  const std::string head = "{\n  \"format_version\": 1,\n  \"tandem_version\": \"" TANDEM_VERSION_STRING
                           "\",\n  \"learner\": \"item-knn\",\n  \"kind\": \"sparse_item_weights\",\n"
                           "  \"n_items\": 3,\n  \"files\": {\n";
  CHECK(bytes_of(directory.path / "model.json").find(head) == 0);
}

TEST_CASE("a sparse matrix of SciPy's is a model, whatever its whole numbers are") {
  const scratch directory;
  write_small_model(directory.path);
  const batch::item_weights expected = batch::item_weights::from_rows({0, 2, 2, 3}, {1, 2, 0}, {0.5F, -1, 2});
  const auto check = [&] { CHECK(same_rows(sparse_of(load_item_model(directory.path)), expected)); };
  check();
  const fs::path start = directory.path / "item_weights_start.npy";
  const fs::path index = directory.path / "item_weights_index.npy";
  write_bytes(start, vector_file<std::int32_t>("<i4", {0, 2, 2, 3}));
  write_bytes(index, vector_file<std::int64_t>("<i8", {1, 2, 0}));
  check();
  write_bytes(start, vector_file<std::uint32_t>("<u4", {0, 2, 2, 3}));
  write_bytes(index, vector_file<std::uint64_t>("<u8", {1, 2, 0}));
  check();
  write_bytes(directory.path / "item_weights_value.npy", vector_file<double>("<f8", {0.5, -1, 2}));
  check();
  write_bytes(directory.path / "model.json", R"({"format_version": 1, "kind": "item_weights"})");
  write_bytes(directory.path / "item_weights.npy", numpy_file<double>("<f8", "True", "(2, 2)", {0, 3, 7, 0}));
  const saved_item_model saved = load_item_model(directory.path);
  CHECK(std::get<batch::ease_model>(saved.weights).row_of(item_index{0})[1] == 7);
  CHECK(std::get<batch::ease_model>(saved.weights).row_of(item_index{1})[0] == 3);
}

TEST_CASE("arrays that are no sparse matrix are refused by name") {
  const scratch directory;
  const auto check = [&](const char* name, const std::string& bytes, errc code, const std::string& says) {
    write_small_model(directory.path);
    write_bytes(directory.path / name, bytes);
    const error e = refused(directory.path);
    INFO(e.what());
    CHECK(e.code() == code);
    CHECK(e.where().file == (directory.path / name).string());
    CHECK(e.message().find(says) != std::string::npos);
    CHECK_FALSE(e.remedy().empty());
  };
  const auto starts = [&](const std::vector<std::int64_t>& numbers, const std::string& says) {
    check("item_weights_start.npy", vector_file("<i8", numbers), errc::bad_format, says);
  };
  starts({}, "does not start with 0");
  starts({1, 2, 3}, "does not start with 0");
  starts({0, 2, 1, 3}, "row 1 starts behind its end");
  starts({0, 2, 2, 4}, "ends with 4, but there are 3 entries");
  starts({0, 9000000000000000000, 2, 3}, "starts behind its end");
  starts({0, -1, 2, 3}, "number 1, counted from 0, is -1");
  const auto indices = [&](const std::vector<std::int64_t>& numbers, const std::string& says) {
    check("item_weights_index.npy", vector_file("<i8", numbers), errc::bad_format, says);
  };
  indices({1, 3, 0}, "row 0 has item 3 out of range or order");
  indices({2, 1, 0}, "row 0 has item 1 out of range or order");
  indices({1, 1, 0}, "row 0 has item 1 out of range or order");
  indices({1, -2, 0}, "number 1, counted from 0, is -2");
  indices({1, 4294967296, 0}, "is 4294967296");
  check("item_weights_index.npy", vector_file<float>("<f4", {1, 2, 0}), errc::bad_format, "whole numbers");
  check("item_weights_index.npy", numpy_file<std::int32_t>("<i4", "False", "(1, 3)", {1, 2, 0}), errc::bad_format,
        "not that of a vector");
  check("item_weights_index.npy", numpy_file<std::int32_t>("<i4", "False", "(4,)", {1, 2, 0}), errc::bad_format,
        "12 bytes of numbers");
  check("item_weights_value.npy", vector_file<float>("<f4", {1, 2}), errc::bad_format, "has 2 entries");
  check("item_weights_value.npy", vector_file<std::int32_t>("<i4", {1, 2, 3}), errc::bad_format, "float32");
  for (const float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    check("item_weights_value.npy", vector_file<float>("<f4", {1, bad, 2}), errc::not_finite, "row 1");
  }
  for (const char* name : {"item_weights_start.npy", "item_weights_index.npy", "item_weights_value.npy"}) {
    write_small_model(directory.path);
    fs::remove(directory.path / name);
    CHECK(refused(directory.path).code() == errc::io_error);
    CHECK(refused(directory.path).where().file == (directory.path / name).string());
  }
}

TEST_CASE("a matrix that is no dense model is refused by name") {
  const scratch directory;
  write_bytes(directory.path / "model.json", R"({"format_version": 1, "kind": "item_weights", "n_items": 2})");
  const fs::path path = directory.path / "item_weights.npy";
  CHECK(refused(directory.path).code() == errc::io_error);
  const auto check = [&](const std::string& bytes, errc code, const std::string& says) {
    write_bytes(path, bytes);
    const error e = refused(directory.path);
    INFO(e.what());
    CHECK(e.code() == code);
    CHECK(e.where().file == path.string());
    CHECK(e.message().find(says) != std::string::npos);
  };
  check(numpy_file<float>("<f4", "False", "(2, 1)", {0, 1}), errc::bad_format, "2 rows and 1 columns");
  check(numpy_file<float>("<f4", "False", "(1, 1)", {0}), errc::bad_format,
        "has 1, but model.json says \"n_items\": 2");
  check(numpy_file<float>("<f4", "False", "(2, 2)", {0, 1, 2, 3}), errc::bad_format, "item 1 for itself");
  check(numpy_file<float>("<f4", "False", "(2, 2)", {0, std::nanf(""), 1, 0}), errc::not_finite, "row 0, column 1");
  check(numpy_file<float>("<f4", "False", "(2, 2)", {0, 1, 2}), errc::bad_format, "12 bytes");
}

TEST_CASE("the loader of one kind refuses the other and says which function reads it") {
  const scratch directory;
  save_model(directory.path, sparse_model(4));
  const error items = failure([&] { (void)load_model(directory.path); });
  CHECK(items.code() == errc::bad_format);
  CHECK(items.where().field == "kind");
  CHECK(items.remedy().find("load_item_model()") != std::string::npos);
  save_model(directory.path, batch::factor_model::from_factors({1}, {1}, 1, {}));
  CHECK(refused(directory.path).where().field == "kind");
  CHECK(refused(directory.path).remedy().find("load_model()") != std::string::npos);
  const auto manifest = [&](const std::string& text, const std::string& field, const std::string& says) {
    write_bytes(directory.path / "model.json", text);
    const error e = failure([&] { (void)kind_of_model(directory.path); });
    INFO(e.what());
    CHECK(e.where().field == field);
    CHECK(std::string(e.what()).find(says) != std::string::npos);
  };
  manifest(R"({"format_version": 1, "kind": "items"})", "kind", "there is no 'items'");
  manifest(R"({"format_version": 1, "kind": 1})", "kind", "a name");
  for (const std::string key : {"rank", "n_users"}) {
    manifest(R"({"format_version": 1, "kind": "item_weights", ")" + key + R"(": 1})", key, "models of factors only");
  }
  manifest(R"({"format_version": 1, "kind": "item_weights", "weights": {"alpha0": 1, "regularization": 1, "nu": 1}})",
           "weights", "models of factors only");
}

TEST_CASE("a model of items has no users, and the ids of its items are checked") {
  const scratch directory;
  const auto check = [&](const model_notes& notes, const std::string& field) {
    const error e = failure([&] { save_model(directory.path, sparse_model(3), notes); });
    CHECK(e.code() == errc::invalid_argument);
    CHECK(e.where().field == field);
    CHECK(failure([&] { save_model(directory.path, dense_model(3), notes); }).where().field == field);
    CHECK(fs::is_empty(directory.path));
  };
  check({.users = {"ada"}}, "users");
  check({.items = {"a", "b"}}, "items");
  check({.items = {"a", "a", "b"}}, "items[1]");
  check({.learner = "\xFF"}, "learner");
  save_model(directory.path, sparse_model(3));
  write_bytes(directory.path / "items.json", R"(["a", "b", "c"])");
  CHECK(refused(directory.path).message().find("is not listed") != std::string::npos);
}

TEST_CASE("an array that was cut, grew or changed in any byte is refused by name") {
  const scratch directory;
  save_model(directory.path, sparse_model(4), {.items = {"a", "b", "c", "d"}});
  for (const char* name :
       {"item_weights_start.npy", "item_weights_index.npy", "item_weights_value.npy", "items.json"}) {
    const fs::path path = directory.path / name;
    const std::string whole = bytes_of(path);
    bool all = true;
    for (std::size_t at = 0; at <= whole.size(); ++at) {
      std::string changed = whole + (at == whole.size() ? "x" : "");
      if (at < whole.size()) changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
      for (const std::string& bytes : {changed, whole.substr(0, at == whole.size() ? 0 : at)}) {
        write_bytes(path, bytes);
        const error e = refused(directory.path);
        all = all && e.code() == errc::bad_format && e.where().file == path.string();
      }
    }
    CHECK(all);
    write_bytes(path, whole);
    CHECK(same_rows(sparse_of(load_item_model(directory.path)), sparse_model(4)));
  }
}

TEST_CASE("without checksums, any bytes load a model or are refused, and nothing else happens") {
  const scratch directory;
  random_stream random(3);
  int refusals = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    write_small_model(directory.path);
    const char* name =
        std::array{"item_weights_start.npy", "item_weights_index.npy", "item_weights_value.npy"}[random.below(3)];
    std::string bytes = bytes_of(directory.path / name);
    for (std::uint64_t k = 0; k <= random.below(4); ++k) {
      bytes[random.below(2) == 0 ? 128 + random.below(bytes.size() - 128) : random.below(bytes.size())] =
          static_cast<char>(random());
    }
    write_bytes(directory.path / name, bytes);
    try {
      const saved_item_model saved = load_item_model(directory.path);
      CHECK(sparse_of(saved).size() <= 3);
    } catch (const error& e) {
      ++refusals;
      CHECK((e.code() == errc::bad_format || e.code() == errc::not_finite || e.code() == errc::io_error));
      CHECK_FALSE(e.where().file.empty());
    }
  }
  CHECK(refusals > 1000);
}
#endif
