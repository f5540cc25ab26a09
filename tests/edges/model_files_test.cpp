#if __has_include(<nlohmann/json.hpp>)
#include "tandem/model_files.hpp"

#include <cstring>
#include <filesystem>
#include <functional>
#include <iterator>
#include <limits>

#include "model_folder.hpp"
#include "support/catch.hpp"
#include "tandem/core/random.hpp"
#include "tandem/core/thread_pool.hpp"
#include "tandem/version.hpp"

using namespace tandem;
using namespace model_folder;

namespace {

batch::factor_model make_model(std::size_t n_users, std::size_t n_items, std::size_t rank) {
  random_stream random(n_users, rank);
  std::vector<float> users(n_users * rank);
  std::vector<float> items(n_items * rank);
  for (float& x : users) x = static_cast<float>(random.normal());
  for (float& x : items) x = static_cast<float>(random.normal());
  return batch::factor_model::from_factors(users, items, rank, {0.25F, 0.01F, 0.5F});
}

error refused(const fs::path& folder) {
  return failure([&] { (void)load_model(folder); });
}

}  // namespace

TEST_CASE("a model and its notes come back bit for bit") {
  const scratch directory;
  for (const std::size_t rank : {std::size_t{1}, std::size_t{3}, std::size_t{64}}) {
    const batch::factor_model model = make_model(3, 13, rank);
    model_notes notes;
    notes.users = three_ids;
    notes.learner = "ials";
    notes.options["rank"] = rank;
    notes.options["nested"]["list"] = {1, "two"};
    const fs::path folder = directory.path / "deeper" / "still";
    save_model(folder, model, notes);
    const saved_model again = load_model(folder);
    CHECK(again.factors.rank() == rank);
    CHECK(same(again.factors.user_matrix(), model.user_matrix()));
    CHECK(same(again.factors.item_matrix(), model.item_matrix()));
    CHECK(same(again.factors.gram(), model.gram()));
    CHECK(again.factors.weights().alpha0 == 0.25F);
    CHECK(again.factors.weights().regularization == 0.01F);
    CHECK(again.factors.weights().nu == 0.5F);
    CHECK(again.notes.users == three_ids);
    CHECK(again.notes.items.empty());
    CHECK(again.notes.learner == "ials");
    CHECK(again.notes.options == notes.options);
    CHECK(again.notes.has_weights);
    thread_pool pool(3);
    const saved_model threaded = load_model(folder, pool);
    CHECK(same(threaded.factors.gram(), model.gram()));
  }
  save_model(directory.path, make_model(0, 2, 4));
  CHECK(load_model(directory.path).factors.n_users() == 0);
  CHECK(load_model(directory.path).factors.n_items() == 2);
}

TEST_CASE("weights come back bit for bit, whatever their last digit") {
  const scratch directory;
  random_stream random(5);
  for (int trial = 0; trial < 50; ++trial) {
    const batch::factor_weights w{static_cast<float>(random.uniform()), static_cast<float>(random.uniform() * 1e-6),
                                  static_cast<float>(random.uniform()), trial % 2 == 0};
    save_model(directory.path, batch::factor_model::from_factors({1}, {1}, 1, w));
    const batch::factor_weights again = load_model(directory.path).factors.weights();
    CHECK(again.alpha0 == w.alpha0);
    CHECK(again.regularization == w.regularization);
    CHECK(again.nu == w.nu);
    CHECK(again.dislikes == w.dislikes);
  }
}

// The checksums are Python's zlib.crc32 of what numpy.save() writes.
TEST_CASE("the files are these bytes") {
  const scratch directory;
  model_notes notes;
  notes.users = {"ada", "bob\n"};
  notes.learner = "ials";
  save_model(directory.path, batch::factor_model::from_factors({1, 2, 3, 4}, {5, 6, 7, 8, 9, 10}, 2, {}), notes);
  CHECK(bytes_of(directory.path / "user_factors.npy") == numpy_file<float>("<f4", "False", "(2, 2)", {1, 2, 3, 4}));
  CHECK(bytes_of(directory.path / "users.json") == "[\n\"ada\",\n\"bob\\n\"\n]\n");
  CHECK_FALSE(fs::exists(directory.path / "items.json"));
  CHECK(bytes_of(directory.path / "model.json") == R"({
  "format_version": 1,
  "tandem_version": ")" TANDEM_VERSION_STRING R"(",
  "learner": "ials",
  "rank": 2,
  "n_users": 2,
  "n_items": 3,
  "weights": {
    "alpha0": 0.1,
    "regularization": 0.003,
    "nu": 1.0,
    "dislikes": false
  },
  "files": {
    "user_factors.npy": {
      "bytes": 144,
      "crc32": "7520fb4e"
    },
    "item_factors.npy": {
      "bytes": 152,
      "crc32": "7c593df1"
    },
    "users.json": {
      "bytes": 19,
      "crc32": "3d5d3c89"
    }
  }
}
)");
}

TEST_CASE("the checksum is zlib's, however the bytes are cut") {
  CHECK(detail::crc32("") == 0);
  CHECK(detail::crc32("123456789") == 0xCBF43926U);
  CHECK(detail::crc32("The quick brown fox jumps over the lazy dog") == 0x414FA339U);
  random_stream random(2);
  std::string bytes(1000, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  const std::string_view all = bytes;
  for (int trial = 0; trial < 100; ++trial) {
    const std::size_t at = random.below(bytes.size());
    CHECK(detail::crc32(all.substr(at), detail::crc32(all.substr(0, at))) == detail::crc32(all));
  }
}

TEST_CASE("factors made elsewhere need no more than a version") {
  const scratch directory;
  write_bytes(directory.path / "model.json", R"({"format_version": 1})");
  write_bytes(directory.path / "user_factors.npy", numpy_file<float>("<f4", "False", "(2, 3)", {1, 2, 3, 4, 5, 6}));
  const auto check = [&] {
    const saved_model read = load_model(directory.path);
    CHECK(read.factors.rank() == 3);
    CHECK(read.factors.n_users() == 2);
    CHECK(read.factors.n_items() == 4);
    for (std::uint32_t i = 0; i < 4; ++i) {
      for (std::uint32_t f = 0; f < 3; ++f) {
        CHECK(read.factors.item_factors(item_index{i})[f] == static_cast<float>(10 * i + f));
      }
    }
    CHECK_FALSE(read.notes.has_weights);
    CHECK(read.factors.weights().alpha0 == batch::factor_weights{}.alpha0);
    CHECK(read.notes.users.empty());
  };
  const std::vector<double> rows = {0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32};
  const std::vector<double> columns = {0, 10, 20, 30, 1, 11, 21, 31, 2, 12, 22, 32};
  const auto narrow = [](const std::vector<double>& x) { return std::vector<float>(x.begin(), x.end()); };
  const fs::path items = directory.path / "item_factors.npy";
  write_bytes(items, numpy_file("<f4", "False", "(4, 3)", narrow(rows)));
  check();
  write_bytes(items, numpy_file("<f4", "True", "(4, 3)", narrow(columns)));
  check();
  write_bytes(items, numpy_file("<f8", "False", "(4, 3)", rows));
  check();
  write_bytes(items, numpy_file("<f8", "True", "(4, 3)", columns));
  check();
}

TEST_CASE("large files in columns and float64 are put in rows, block by block") {
  const scratch directory;
  const std::size_t n = 30011;
  const std::size_t rank = 5;
  std::vector<double> columns(n * rank);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t f = 0; f < rank; ++f) columns[f * n + i] = static_cast<double>(i * rank + f);
  }
  write_bytes(directory.path / "model.json", R"({"format_version": 1})");
  write_bytes(directory.path / "item_factors.npy", numpy_file("<f8", "True", "(30011, 5)", columns));
  write_bytes(directory.path / "user_factors.npy", numpy_file<float>("<f4", "False", "(0, 5)", {}));
  const saved_model read = load_model(directory.path);
  bool all = true;
  for (std::size_t at = 0; at < n * rank; ++at) all = all && read.factors.item_matrix()[at] == static_cast<float>(at);
  CHECK(all);
}

TEST_CASE("numbers that are not finite as float32 are refused with their place") {
  const scratch directory;
  write_bytes(directory.path / "model.json", R"({"format_version": 1})");
  write_bytes(directory.path / "user_factors.npy", numpy_file<float>("<f4", "False", "(1, 2)", {1, 2}));
  const fs::path items = directory.path / "item_factors.npy";
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {nan, std::numeric_limits<double>::infinity(), -1e39}) {
    write_bytes(items, numpy_file<double>("<f8", "False", "(3, 2)", {1, 2, 3, 4, 5, bad}));
    const error wide = refused(directory.path);
    CHECK(wide.code() == errc::not_finite);
    CHECK(wide.where().file == items.string());
    CHECK(wide.message().find("row 2, column 1") != std::string::npos);
    write_bytes(items, numpy_file<float>("<f4", "True", "(3, 2)", {1, 2, 3, static_cast<float>(bad), 5, 6}));
    CHECK(refused(directory.path).message().find("row 0, column 1") != std::string::npos);
  }
}

TEST_CASE("a file that was cut, grew or changed in any byte is refused by name") {
  const scratch directory;
  model_notes notes;
  notes.users = three_ids;
  notes.items = three_ids;
  save_model(directory.path, make_model(3, 3, 2), notes);
  for (const char* name : {"user_factors.npy", "item_factors.npy", "users.json", "items.json"}) {
    const fs::path path = directory.path / name;
    const std::string whole = bytes_of(path);
    const auto refuses = [&](const std::string& bytes) {
      write_bytes(path, bytes);
      const error e = refused(directory.path);
      return e.code() == errc::bad_format && e.where().file == path.string() && !e.remedy().empty();
    };
    bool all = true;
    for (std::size_t at = 0; at < whole.size(); ++at) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
      all = all && refuses(changed) && refuses(whole.substr(0, at));
    }
    CHECK(all);
    CHECK(refuses(whole + "x"));
    fs::remove(path);
    const error gone = refused(directory.path);
    CHECK(gone.code() == errc::io_error);
    CHECK(gone.where().file == path.string());
    write_bytes(path, whole);
    CHECK(load_model(directory.path).notes.items == three_ids);
  }
}

TEST_CASE("a manifest is read strictly: each fault names the file, the field and what to do") {
  const scratch directory;
  save_model(directory.path, make_model(2, 3, 2));
  const fs::path path = directory.path / "model.json";
  const auto check = [&](const std::string& text, errc code, const std::string& field, const std::string& says) {
    INFO(text);
    write_bytes(path, text);
    const error e = refused(directory.path);
    CHECK(e.code() == code);
    CHECK(e.where().field == field);
    CHECK(e.where().file.find(directory.path.string()) == 0);
    INFO(e.what());
    CHECK(std::string(e.what()).find(says) != std::string::npos);
  };
  const auto bad = errc::bad_format;
  check("", bad, "", "not JSON");
  check("[]", bad, "", "an object");
  check("{}", bad, "format_version", "add \"format_version\": 1");
  check(R"({"format_version": "1"})", bad, "format_version", "an integer");
  check(R"({"format_version": 0})", bad, "format_version", "is 0");
  check(R"({"format_version": 2, "of the future": 1})", bad, "format_version", "a later tandem");
  check(R"({"format_version": 1, "format_version": 1})", bad, "format_version", "twice");
  check(R"({"format_version": 1, "n_user": 2})", bad, "n_user", "nearest known: 'n_users'");
  check(R"({"format_version": 1, "n_users": 3})", bad, "n_users", "has 2, but model.json says \"n_users\": 3");
  check(R"({"format_version": 1, "n_items": 2})", bad, "n_items", "has 3");
  check(R"({"format_version": 1, "rank": 3})", bad, "rank", "has 2");
  check(R"({"format_version": 1, "rank": -3})", bad, "rank", "give an integer in [0");
  check(R"({"format_version": 1, "rank": 2.5})", bad, "rank", "an integer");
  check(R"({"format_version": 1, "learner": 7})", bad, "learner", "a string");
  check(R"({"format_version": 1, "tandem_version": 7})", bad, "tandem_version", "a string");
  check(R"({"format_version": 1, "options": []})", bad, "options", "an object");
  check(R"({"format_version": 1, "weights": {"alpha0": 1}})", bad, "weights.regularization", "regularization and nu");
  check(R"({"format_version": 1, "weights": {"alpha": 1}})", bad, "weights.alpha", "'alpha0'");
  const auto argument = errc::invalid_argument;
  check(R"({"format_version": 1, "weights": {"alpha0": -1, "regularization": 1, "nu": 1}})", argument, "weights.alpha0",
        "[0, inf)");
  check(R"({"format_version": 1, "weights": {"alpha0": 1, "regularization": "infinity", "nu": 1}})", argument,
        "weights.regularization", "[0, inf)");
  check(R"({"format_version": 1, "weights": {"alpha0": 1, "regularization": 1, "nu": 1.5}})", argument, "weights.nu",
        "[0, 1]");
  check(R"({"format_version": 1, "files": {}})", bad, "", "is not listed in model.json");
  check(R"({"format_version": 1, "files": []})", bad, "files", "an object");
  check(R"({"format_version": 1, "files": {"user.npy": {}}})", bad, "files.user.npy", "'user_factors.npy'");
  check(R"({"format_version": 1, "files": {"users.json": 5}})", bad, "files.users.json", "an object");
  check(R"({"format_version": 1, "files": {"users.json": {"bytes": 5}}})", bad, "files.users.json", "give both");
  check(R"({"format_version": 1, "files": {"users.json": {"bytes": 5, "md5": ""}}})", bad, "files.users.json.md5",
        "'bytes'");
  check(R"({"format_version": 1, "files": {"users.json": {"bytes": 5, "crc32": 5}}})", bad, "files.users.json.crc32",
        "a string");
  fs::remove(path);
  const error none = refused(directory.path);
  CHECK(none.code() == errc::io_error);
  CHECK(none.where().file == path.string());
  CHECK(none.remedy().find("{\"format_version\": 1}") != std::string::npos);
}

TEST_CASE("factors that are not a model are refused by name") {
  const scratch directory;
  write_bytes(directory.path / "model.json", R"({"format_version": 1})");
  const fs::path users = directory.path / "user_factors.npy";
  const fs::path items = directory.path / "item_factors.npy";
  CHECK(refused(directory.path).where().file == users.string());
  write_bytes(users, numpy_file<float>("<f4", "False", "(1, 2)", {1, 2}));
  CHECK(refused(directory.path).where().file == items.string());
  CHECK(refused(directory.path).code() == errc::io_error);
  const auto check = [&](const std::string& bytes, const std::string& says) {
    write_bytes(items, bytes);
    const error e = refused(directory.path);
    INFO(e.what());
    CHECK(e.code() == errc::bad_format);
    CHECK(e.where().file == items.string());
    CHECK(e.message().find(says) != std::string::npos);
  };
  check(numpy_file<float>("<f4", "False", "(1, 3)", {1, 2, 3}), "users have 2 factors, items 3");
  check(numpy_file<float>("<f4", "False", "(2,)", {1, 2}), "its shape is not that of a matrix");
  check(numpy_file<float>("<f4", "False", "(0, 0)", {}), "has 0 columns");
  check(numpy_file<float>("<f4", "False", "(0, 4294967296)", {}), "has 4294967296 columns");
  check(numpy_file<float>("<f4", "False", "(0, 16385)", {}), "has 16385 columns");
  check(numpy_file<float>(">f4", "False", "(1, 2)", {1, 2}), "float32 ('<f4') or float64 ('<f8')");
  check(numpy_file<std::uint16_t>("<f2", "False", "(1, 2)", {1, 2}), "float32 ('<f4') or float64 ('<f8')");
  check(numpy_file<std::uint64_t>("<i8", "False", "(1, 2)", {1, 2}), "float32 ('<f4') or float64 ('<f8')");
  check(numpy_file<double>("<f8", "False", "(1, 2)", {1}), "8 bytes of numbers, not the 1 x 2 x 8");
  check(numpy_file<float>("<f4", "Maybe", "(1, 2)", {1, 2}), "fortran_order");
  check("", "not a .npy file");
  write_bytes(items, numpy_file<float>("<f4", "False", "(1, 2)", {1, 2}));
  CHECK(load_model(directory.path).factors.n_items() == 1);
}

TEST_CASE("ids that do not name each row once are refused, when saved and when loaded") {
  const scratch directory;
  const batch::factor_model model = make_model(2, 1, 2);
  save_model(directory.path, model);
  const auto check = [&](const std::vector<std::string>& ids, const std::string& field) {
    model_notes notes;
    notes.users = ids;
    const error e = failure([&] { save_model(directory.path / "new", model, notes); });
    CHECK(e.code() == errc::invalid_argument);
    CHECK(e.where().field == field);
    CHECK_FALSE(fs::exists(directory.path / "new"));
  };
  check({"a"}, "users");
  check({"a", "b", "c"}, "users");
  check({"a", "a"}, "users[1]");
  check({"", "a"}, "users[0]");
  check({"a", "\xFF"}, "users[1]");
  check({"a", std::string(513, 'x')}, "users[1]");

  write_bytes(directory.path / "model.json", R"({"format_version": 1})");
  const auto load = [&](const std::string& text, const std::string& field) {
    write_bytes(directory.path / "users.json", text);
    const error e = refused(directory.path);
    INFO(e.what());
    CHECK(e.code() == errc::bad_format);
    CHECK(e.where().field == field);
    CHECK(e.where().file == (directory.path / "users.json").string());
  };
  load(R"(["a"])", "users");
  load(R"(["a", "a"])", "users[1]");
  load(R"(["a", ""])", "users[1]");
  load(R"(["a", 2])", "users[1]");
  load(R"({"a": 1})", "users");
  load(R"(["a", "b")", "");
  load("[\"a\", \"\xFF\"]", "");
  write_bytes(directory.path / "users.json", R"(["a", "b"])");
  CHECK(load_model(directory.path).notes.users == std::vector<std::string>{"a", "b"});
}

TEST_CASE("notes that cannot be written are refused") {
  const scratch directory;
  const batch::factor_model model = make_model(1, 1, 1);
  const auto check = [&](const std::function<void(model_notes&)>& spoil, const std::string& field) {
    model_notes notes;
    spoil(notes);
    const error e = failure([&] { save_model(directory.path, model, notes); });
    CHECK(e.code() == errc::invalid_argument);
    CHECK(e.where().field == field);
    CHECK(fs::is_empty(directory.path));
  };
  check([](model_notes& notes) { notes.learner = "\xFF"; }, "learner");
  check([](model_notes& notes) { notes.options = nlohmann::ordered_json::array(); }, "options");
  check([](model_notes& notes) { notes.options["x"] = "\xFF"; }, "options");
  const auto heavy = batch::factor_model::from_factors({1}, {1}, 1, {-1, 0, 0});
  CHECK(failure([&] { save_model(directory.path, heavy); }).where().field == "weights.alpha0");
}

TEST_CASE("a save that fails leaves the earlier model, and no other file, behind") {
  const scratch directory;
  model_notes notes;
  notes.users = three_ids;
  const batch::factor_model earlier = make_model(3, 2, 2);
  save_model(directory.path, earlier, notes);
  for (const char* name : {"user_factors.npy", "item_factors.npy", "model.json"}) {
    const fs::path in_the_way = directory.path / (std::string(name) + ".partial");
    fs::create_directories(in_the_way / "full");
    const error e = failure([&] { save_model(directory.path, make_model(4, 5, 6)); });
    CHECK(e.code() == errc::io_error);
    CHECK(e.where().file == in_the_way.string());
    fs::remove_all(in_the_way);
    CHECK(std::distance(fs::directory_iterator(directory.path), {}) == 4);
    const saved_model again = load_model(directory.path);
    CHECK(same(again.factors.user_matrix(), earlier.user_matrix()));
    CHECK(again.notes.users == three_ids);
  }
  write_bytes(directory.path / "plain", "a file, not a directory");
  CHECK(failure([&] { save_model(directory.path / "plain", earlier); }).code() == errc::io_error);
}

TEST_CASE("a save replaces the whole model and leaves other files alone") {
  const scratch directory;
  model_notes notes;
  notes.users = three_ids;
  save_model(directory.path, make_model(3, 2, 2), notes);
  write_bytes(directory.path / "README", "mine");
  const batch::factor_model later = make_model(4, 5, 6);
  save_model(directory.path, later);
  const saved_model again = load_model(directory.path);
  CHECK(same(again.factors.user_matrix(), later.user_matrix()));
  CHECK(again.notes.users.empty());
  CHECK(bytes_of(directory.path / "README") == "mine");
  CHECK(std::distance(fs::directory_iterator(directory.path), {}) == 4);
}

TEST_CASE("every byte of a manifest may be wrong without harm") {
  const scratch directory;
  model_notes notes;
  notes.users = three_ids;
  save_model(directory.path, make_model(3, 4, 2), notes);
  const fs::path path = directory.path / "model.json";
  const std::string whole = bytes_of(path);
  random_stream random(1);
  int refusals = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    std::string bytes = whole;
    for (std::uint64_t i = 0; i <= random.below(3); ++i)
      bytes[random.below(bytes.size())] = static_cast<char>(random());
    write_bytes(path, bytes);
    try {
      const saved_model read = load_model(directory.path);
      CHECK(read.factors.n_items() == 4);  // a harmless change reads as before
    } catch (const error& e) {
      ++refusals;
      CHECK((e.code() == errc::bad_format || e.code() == errc::invalid_argument || e.code() == errc::io_error));
      CHECK_FALSE(e.where().file.empty());
    }
  }
  CHECK(refusals > 1000);
}

TEST_CASE("the ids of an interner are its names in order") {
  interner<item_index> ids;
  for (const std::string& each : three_ids) ids.intern(each);
  CHECK(ids_of(ids) == three_ids);
}
#endif
