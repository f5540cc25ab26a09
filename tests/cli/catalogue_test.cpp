#include "catalogue.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tandem/core/random.hpp"

using namespace tandem_cli;

namespace {

// A log of "user item action" triples in this order.
tandem::event_log make_log(const std::vector<std::array<std::string, 3>>& lines) {
  tandem::event_log out;
  for (const auto& each : lines) {
    tandem::logged_event e;
    e.user = out.users.intern(each[0]);
    e.item = out.items.intern(each[1]);
    e.action = out.actions.intern(each[2]);
    out.events.push_back(e);
  }
  return out;
}

}  // namespace

TEST_CASE("numbers go by value and before text, text by its bytes") {
  const std::vector<std::string> in_order = {
      "0",   "1",   "01", "2", "9",  "10",  "0010", "99999999999999999999998", "99999999999999999999999", "", "-1",
      "1.5", "10a", "A",  "a", "a1", "a10", "a2"};
  for (std::size_t a = 0; a < in_order.size(); ++a) {
    for (std::size_t b = 0; b < in_order.size(); ++b) {
      INFO(in_order[a] << " before " << in_order[b]);
      const bool swapped = in_order[a] == "1" && in_order[b] == "01";
      const bool back = in_order[a] == "01" && in_order[b] == "1";
      const bool ten = in_order[a] == "10" && in_order[b] == "0010";
      const bool ten_back = in_order[a] == "0010" && in_order[b] == "10";
      if (swapped || ten) {
        CHECK_FALSE(id_before(in_order[a], in_order[b]));  // equal values go by their bytes
      } else if (back || ten_back) {
        CHECK(id_before(in_order[a], in_order[b]));
      } else {
        CHECK(id_before(in_order[a], in_order[b]) == (a < b));
      }
    }
  }
}

TEST_CASE("an id is found at its place, and nowhere when it is not there") {
  const id_order order({"b", "10", "9", "b", "a"});
  CHECK(order.ids() == std::vector<std::string>{"9", "10", "a", "b"});
  CHECK(order.find("10") == 1);
  CHECK(order.find("b") == 3);
  CHECK(order.find("c") == order.size());
  CHECK(order.find("010") == order.size());
  CHECK(id_order().find("x") == 0);
}

TEST_CASE("matrices do not depend on the order of the lines") {
  std::vector<std::array<std::string, 3>> lines;
  tandem::random_stream random(4);
  for (int k = 0; k < 200; ++k) {
    lines.push_back({"u" + std::to_string(random.below(20)), std::to_string(random.below(30)),
                     random.below(4) == 0 ? "buy" : "view"});
  }
  log_arguments asked;
  asked.action_weights = {{"buy", 3}};
  const auto matrix_of = [&] {
    const tandem::event_log log = make_log(lines);
    return to_matrix(log, asked, users_of({&log}), items_of({&log}), tandem::merge_rule::sum);
  };
  const tandem::interactions one = matrix_of();
  for (std::size_t k = lines.size() - 1; k > 0; --k) std::swap(lines[k], lines[random.below(k + 1)]);
  const tandem::interactions two = matrix_of();
  REQUIRE(one.n_users() == two.n_users());
  REQUIRE(one.size() == two.size());
  for (std::uint32_t u = 0; u < one.n_users(); ++u) {
    const auto a = one.items_of(tandem::user_index{u});
    const auto b = two.items_of(tandem::user_index{u});
    CHECK(std::equal(a.index.begin(), a.index.end(), b.index.begin(), b.index.end()));
    CHECK(std::equal(a.weight.begin(), a.weight.end(), b.weight.begin(), b.weight.end()));
  }
}

TEST_CASE("events weigh what their action says, and users who are not asked for are left out") {
  const tandem::event_log log =
      make_log({{"b", "x", "view"}, {"b", "x", "buy"}, {"b", "y", "return"}, {"a", "x", "view"}, {"c", "y", "view"}});
  log_arguments asked;
  asked.action_weights = {{"buy", 3}, {"return", -1}};
  const tandem::interactions matrix =
      to_matrix(log, asked, id_order({"b", "c"}), items_of({&log}), tandem::merge_rule::sum);
  REQUIRE(matrix.n_users() == 2);
  REQUIRE(matrix.size() == 2);
  CHECK(matrix.items_of(tandem::user_index{0}).weight[0] == 4.0F);
  CHECK(matrix.items_of(tandem::user_index{1}).weight[0] == 1.0F);
}
