#if __has_include(<xtensor/xtensor.hpp>) || __has_include(<xtensor/containers/xtensor.hpp>)
#include "tandem/xtensor.hpp"

#if __has_include(<xtensor/io/xnpy.hpp>)
#include <xtensor/io/xnpy.hpp>
#else
#include <xtensor/xnpy.hpp>
#endif

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem;
namespace fs = std::filesystem;
using test_support::bytes_of;
using test_support::scratch;
using test_support::write_bytes;

namespace {

batch::factor_model make_model(std::size_t n_users, std::size_t n_items, std::size_t rank) {
  random_stream random(n_users, rank);
  std::vector<float> users(n_users * rank);
  std::vector<float> items(n_items * rank);
  for (float& x : users) x = static_cast<float>(random.normal());
  for (float& x : items) x = static_cast<float>(random.normal());
  return batch::factor_model::from_factors(users, items, rank, {0.25F, 0.01F, 0.5F});
}

bool same(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

template <class Code>
error failure(Code&& code) {
  try {
    code();
  } catch (const error& e) {
    return e;
  }
  FAIL("nothing was thrown");
  return error(errc::cancelled, "");
}

}  // namespace

TEST_CASE("factors are seen through xtensor where they lie") {
  const batch::factor_model model = make_model(5, 7, 3);
  const auto users = user_factors(model);
  const auto items = item_factors(model);
  REQUIRE(users.dimension() == 2);
  CHECK(users.shape()[0] == 5);
  CHECK(users.shape()[1] == 3);
  CHECK(items.shape()[0] == 7);
  CHECK(users.data() == model.user_matrix().data());
  CHECK(items.data() == model.item_matrix().data());
  for (std::size_t i = 0; i < 7; ++i) {
    for (std::size_t f = 0; f < 3; ++f) CHECK(items(i, f) == model.item_factors(static_cast<item_index>(i))[f]);
  }
  const xt::xtensor<float, 2> kept = users;
  CHECK(kept.data() != users.data());
  CHECK(kept == users);
}

TEST_CASE("an empty model has empty views") {
  const batch::factor_model model;
  CHECK(user_factors(model).size() == 0);
  CHECK(item_factors(model).shape()[1] == 1);
}

TEST_CASE("factors made with xtensor become a model, whatever their layout") {
  const batch::factor_model model = make_model(4, 6, 2);
  const xt::xtensor<float, 2, xt::layout_type::column_major> users = user_factors(model);
  const xt::xtensor<float, 2> items = item_factors(model);
  const batch::factor_model again = to_factor_model(users, items, model.weights());
  CHECK(same(again.user_matrix(), model.user_matrix()));
  CHECK(same(again.item_matrix(), model.item_matrix()));
  CHECK(same(again.gram(), model.gram()));

  const xt::xtensor<float, 2> narrow = xt::xtensor<float, 2>::from_shape({6, 3});
  CHECK(failure([&] { (void)to_factor_model(users, narrow, {}); }).code() == errc::invalid_argument);
}

TEST_CASE("a model comes back from .npy bit for bit") {
  const scratch directory;
  for (const std::size_t rank : {std::size_t{1}, std::size_t{3}, std::size_t{64}}) {
    const batch::factor_model model = make_model(11, 13, rank);
    save_npy(model, directory.path / "deeper" / "still");
    const batch::factor_model again = load_npy(directory.path / "deeper" / "still");
    CHECK(again.rank() == rank);
    CHECK(same(again.user_matrix(), model.user_matrix()));
    CHECK(same(again.item_matrix(), model.item_matrix()));
    CHECK(again.weights().alpha0 == 0.25F);
    CHECK(again.weights().regularization == 0.01F);
    CHECK(again.weights().nu == 0.5F);
  }
  const batch::factor_model empty = make_model(0, 2, 4);
  save_npy(empty, directory.path);
  CHECK(load_npy(directory.path).n_users() == 0);
  CHECK(load_npy(directory.path).n_items() == 2);
}

// The header is NumPy's own: np.save() of a 2 x 3 array of '<f4' starts with these 128 bytes.
TEST_CASE("the files are what NumPy writes") {
  const scratch directory;
  save_npy(batch::factor_model::from_factors({1, 2, 3, 4, 5, 6}, {1, 0, 0}, 3, {}), directory.path);
  const std::string bytes = bytes_of(directory.path / "user_factors.npy");
  REQUIRE(bytes.size() == 128 + 24);
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  header.resize(117, ' ');
  CHECK(bytes.substr(0, 10) == std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  CHECK(bytes.substr(10, 118) == header + "\n");
  float last = 0;
  std::memcpy(&last, bytes.data() + 148, 4);
  CHECK(last == 6);
}

TEST_CASE("xtensor reads what we write and we read what xtensor writes") {
  const scratch directory;
  const batch::factor_model model = make_model(20, 30, 8);
  save_npy(model, directory.path);
  const xt::xtensor<float, 2> items = xt::load_npy<float>((directory.path / "item_factors.npy").string());
  CHECK(items == item_factors(model));

  const xt::xtensor<float, 2> users = xt::ones<float>({3, 8});
  xt::dump_npy((directory.path / "user_factors.npy").string(), users);
  const batch::factor_model mixed = load_npy(directory.path);
  CHECK(mixed.n_users() == 3);
  CHECK(mixed.n_items() == 30);
  CHECK(mixed.user_factors(user_index{2})[7] == 1.0F);
}

TEST_CASE("headers of versions 2 and 3, in any order and spacing, are read") {
  const scratch directory;
  save_npy(make_model(2, 2, 2), directory.path);
  const std::string numbers(16, '\0');
  for (const char version : {'\2', '\3'}) {
    std::string header = "{ 'shape':(2,2,) ,'fortran_order':False,  'descr' : '<f4'}";
    header.resize(300, ' ');
    std::string file = "\x93NUMPY";
    file.append(1, version).append("\x00\x2c\x01\x00\x00", 5).append(header).append(numbers);
    write_bytes(directory.path / "user_factors.npy", file);
    CHECK(load_npy(directory.path).n_users() == 2);
  }
}

TEST_CASE("a file that is not a whole float32 matrix is refused by name") {
  const scratch directory;
  save_npy(make_model(9, 4, 5), directory.path);
  const fs::path path = directory.path / "user_factors.npy";
  const std::string whole = bytes_of(path);
  const auto load = [&] { (void)load_npy(directory.path); };
  const auto refused = [&](const std::string& bytes) {
    write_bytes(path, bytes);
    const error e = failure(load);
    CHECK(e.where().file == path.string());
    return e.code() == errc::bad_format;
  };
  // cut anywhere, or longer than it says
  for (std::size_t length = 0; length < whole.size(); ++length) CHECK(refused(whole.substr(0, length)));
  CHECK(refused(whole + "x"));

  const auto with = [&](const std::string& old_text, const std::string& new_text) {
    std::string bytes = whole;
    bytes.replace(bytes.find(old_text), old_text.size(), new_text);
    return bytes;
  };
  CHECK(refused(with("NUMPY", "NUMBY")));
  CHECK(refused(with("<f4", "<f8")));
  CHECK(refused(with("<f4", ">f4")));
  CHECK(refused(with("False", "True ")));
  CHECK(refused(with("(9, 5)", "(9, 6)")));
  CHECK(refused(with("(9, 5)", "(45,)")));
  CHECK(refused(with("(9, 5)", "(,,,,)")));
  CHECK(refused(with("'shape'", "'shapo'")));
  CHECK(refused(with("'shape': (9, 5), ", "                 ")));
  CHECK(refused(with("{'descr': ", "{         ")));
  CHECK(refused(with("\x01", "\x09")));
  CHECK(refused(with("(9, 5), }             ", "(9000000000000000000000")));
  // 2^32 * 2^30 * 4 bytes is 0 in 64 bits, as many as there are
  CHECK(refused(with("(9, 5), }                ", "(4294967296, 1073741824)}").substr(0, 128)));
  // a header of 4 GB
  CHECK(refused(std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12) + whole.substr(10)));

  write_bytes(path, whole);
  CHECK(load_npy(directory.path).n_users() == 9);
}

TEST_CASE("every byte of a header may be wrong without harm") {
  const scratch directory;
  save_npy(make_model(3, 4, 2), directory.path);
  const fs::path path = directory.path / "item_factors.npy";
  const std::string whole = bytes_of(path);
  random_stream random(1);
  int refused = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    std::string bytes = whole;
    for (std::uint64_t i = 0; i <= random.below(3); ++i) bytes[random.below(80)] = static_cast<char>(random());
    write_bytes(path, bytes);
    try {
      const batch::factor_model read = load_npy(directory.path);
      CHECK(read.n_items() == 4);  // a harmless change reads as before
    } catch (const error& e) {
      ++refused;
      CHECK(e.code() == errc::bad_format);
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("files that are missing, or do not belong together, are refused") {
  const scratch directory;
  const auto load = [&] { (void)load_npy(directory.path); };
  CHECK(failure(load).code() == errc::io_error);
  save_npy(make_model(3, 4, 2), directory.path / "a");
  save_npy(make_model(3, 4, 5), directory.path / "b");
  fs::copy(directory.path / "b" / "item_factors.npy", directory.path / "a" / "item_factors.npy",
           fs::copy_options::overwrite_existing);
  CHECK(failure([&] { (void)load_npy(directory.path / "a"); }).code() == errc::bad_format);
  fs::remove(directory.path / "b" / "weights.npy");
  CHECK(failure([&] { (void)load_npy(directory.path / "b"); }).code() == errc::io_error);
  write_bytes(directory.path / "plain", "a file, not a directory");
  CHECK(failure([&] { save_npy(make_model(1, 1, 1), directory.path / "plain"); }).code() == errc::io_error);
}

TEST_CASE("the propensity log has a row for every place of every slate") {
  std::vector<decision> decisions(3);
  decisions[0].id = decision_id{7};
  decisions[0].user = user_index{3};
  decisions[0].time = from_millis(-5);
  decisions[0].position = log_position{100};
  decisions[0].model_version = 2;
  decisions[0].slate = {{item_index{4}, 1.5F, 0.25}, {item_index{9}, 0.5F, 1}};
  decisions[1].id = decision_id{8};  // an empty answer has no rows
  decisions[2].id = decision_id{9};
  decisions[2].shadow = true;
  decisions[2].slate = {{item_index{1}, 0.0F, 0.125}};
  const xt::xtensor<double, 2> log = propensity_log(decisions);
  const xt::xtensor<double, 2> expected = {
      {7, 3, -5, 100, 2, 0, 0, 4, 1.5, 0.25}, {7, 3, -5, 100, 2, 0, 1, 9, 0.5, 1}, {9, -1, 0, 0, 0, 1, 0, 1, 0, 0.125}};
  REQUIRE(log.shape() == expected.shape());
  CHECK(log == expected);
  CHECK(log(0, static_cast<std::size_t>(log_column::propensity)) == 0.25);
  CHECK(propensity_log(std::vector<decision>{}).shape()[0] == 0);
}
#endif
