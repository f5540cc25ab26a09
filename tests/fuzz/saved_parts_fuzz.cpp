// What learners and tables saved, of any bytes: refused, or a value that can be used, saved and loaded again.

#include "tandem/engine.hpp"  // before its parts: without a compiled engine it includes them itself

#include "fuzz.hpp"
#include "tandem/core/binary.hpp"
#include "tandem/core/cow.hpp"
#include "tandem/core/flat_table.hpp"
#include "tandem/core/interner.hpp"
#include "tandem/detail/key_set.hpp"
#include "tandem/detail/pending_decisions.hpp"
#include "tandem/hybrid/blender.hpp"
#include "tandem/hybrid/candidates.hpp"
#include "tandem/hybrid/choice_log.hpp"
#include "tandem/hybrid/ranker.hpp"
#include "tandem/online/history.hpp"
#include "tandem/online/response_rate.hpp"
#include "tandem/online/send_or_not.hpp"
#include "tandem/online/sequence.hpp"
#include "tandem/online/trend.hpp"

using namespace tandem;

namespace {

constexpr std::size_t n_items = 20;
constexpr std::size_t n_sources = 2;

// A kind of thing that is saved: how it is made, loaded and used.
template <class Load, class Use>
void load_and_use(std::string_view input, Load&& load, Use&& use) {
  tandem_fuzz::taken([&] {
    auto value = tandem_fuzz::loaded<byte_reader>(input, load);
    const auto save = [&](byte_writer& out) { value.save(out); };
    const std::string again = tandem_fuzz::saved<byte_writer>(save);
    auto same = tandem_fuzz::loaded<byte_reader>(again, load);
    tandem_fuzz::claim(tandem_fuzz::saved<byte_writer>([&](byte_writer& out) { same.save(out); }) == again);
    use(value);
    (void)tandem_fuzz::saved<byte_writer>(save);
  });
}

item_index item(std::uint32_t n) { return item_index{n}; }

void use_blender(hybrid::blender& b) {
  hybrid::candidate_set set;
  set.n_sources = n_sources;
  set.items = {item(1), item(2)};
  set.value = {0.5F, 0, 0.25F, 1};
  set.place = {0, hybrid::candidate_set::not_proposed, 1, 0};
  set.tied_beyond = {0, 0};
  set.unit = {0, 0};
  for (int k = 0; k < 3; ++k) b.learn(set, std::vector<std::size_t>{0, 1}, 1);
  set.channel = hybrid::max_channels;
  b.learn_page(set, std::vector<std::size_t>{0, 1}, 1);
  b.learn_silence(set, std::vector<std::size_t>{1}, 0.5);
  b.learn_miss();
  std::vector<float> out(2);
  b.weights()->serve(set, out);
}

void use_ranker(hybrid::ranker& r) {
  hybrid::candidate_set set;
  set.n_sources = n_sources;
  set.items = {item(1), item(2)};
  set.value = {0.5F, 0, 0.25F, 1};
  const std::vector<float> blended{1, 2};
  std::vector<float> out(2);
  if (r.ready() && r.sources().size() == n_sources) r.rank(set, blended, 2, out);
}

hybrid::ranker a_ranker() {
  hybrid::choice_log log(n_sources, {hybrid::ranker::least_choices, 2});
  hybrid::candidate_set set;
  set.n_sources = n_sources;
  set.items = {item(1), item(2), item(3)};
  set.value = {0.5F, 0, 0.25F, 1, 0, 2};
  for (std::size_t k = 0; k < hybrid::ranker::least_choices; ++k) {
    log.add(set, std::vector<std::size_t>{0, 1, 2}, k % 2, std::vector<float>{1, 2, 3}, user_index{1});
  }
  return hybrid::ranker::fit(log.latest(), {"a", "b"});
}

void use_trend(online::trend& t) {
  t.add(item(3), 10);
  std::vector<float> out(n_items);
  t.scores(out);
}

void use_rates(online::response_rate& r) {
  r.shown(item(2));
  r.taken(item(2), 0.5);
  std::vector<float> out(n_items);
  r.means(out);
}

void use_sequence(online::sequence& s) {
  const std::vector<online::past_event> recent = {{item(0), {}}, {item(5), {}}};
  for (int k = 0; k < 3; ++k) s.learn(recent, {item(7), {}}, 1000 + k);
  (void)s.weight_at(*s.neighbours_of(item(5)), 2000);
}

void use_pending(tandem::detail::pending_decisions& p) {
  p.trim([](const auto&) noexcept {});
  p.settle(from_millis(std::int64_t{1} << 40U), std::chrono::hours(1), [](const auto&) noexcept {});
}

tandem::detail::pending_decision a_decision() {
  tandem::detail::pending_decision p;
  p.id = decision_id{7};
  p.user_name = "ada";
  p.time = from_millis(1'700'000'000'000);
  auto set = std::make_shared<hybrid::candidate_set>();
  set->n_sources = n_sources;
  set->items = {item(1), item(2)};
  set->value = {0.5F, 0, 0.25F, 1};
  set->place = {0, 255, 1, 0};
  set->tied_beyond = {0, 0};
  set->unit = {0, 0};
  p.candidates = std::move(set);
  p.shown = {1};
  p.shown_items = {item(2)};
  p.facts = {"device=phone"};
  return p;
}

// a value that can be moved
struct sender {
  static online::send_or_not_options options() {
    return {.dimension = 1, .price = 0.1, .opt_out_cost = 2, .max_users = 3, .capacity = 16};
  }
  std::unique_ptr<online::send_or_not> it = std::make_unique<online::send_or_not>(options());

  void save(byte_writer& out) const { it->save(out); }
  static sender load(byte_reader& in) {
    // NOLINTNEXTLINE(modernize-make-unique): it would have to be moved
    return {std::unique_ptr<online::send_or_not>(new online::send_or_not(online::send_or_not::load(in, options())))};
  }
};

void use_sender(sender& s) {
  const std::vector<float> context = {0.5F};
  for (std::uint64_t n = 1; n < 20; ++n) {
    const timestamp now = from_millis(1'700'000'000'000 + static_cast<std::int64_t>(n) * 10'000'000);
    const auto user = static_cast<user_index>(n % 4);
    s.it->decide({.id = decision_id{n}, .user = user, .time = now, .context = context});
    s.it->reward(decision_id{n}, 1, now, n);
    s.it->advance(now);
    if (n == 7) s.it->opt_out(user, now);
  }
  std::vector<online::settled_send> rows(3);
  s.it->take_settled(rows);
}

template <class T>
std::string bytes(std::uint8_t kind, const T& value) {
  return static_cast<char>(kind) + tandem_fuzz::saved<byte_writer>([&](byte_writer& out) { value.save(out); });
}

}  // namespace

void tandem_fuzz::run(std::string_view input) {
  const tandem::detail::known_ids known{5, n_items, n_sources};
  switch (choice(input) % 14) {
    case 0:
      return load_and_use(
          input, [](byte_reader& in) { return interner<user_index>::load(in); }, [](auto& x) { x.intern("new"); });
    case 1:
      return load_and_use(
          input, [](byte_reader& in) { return flat_table<float>::load(in); }, [](auto& x) { x[3] = 1; });
    case 2:
      return load_and_use(
          input, [](byte_reader& in) { return cow_vector<std::vector<std::uint32_t>, 16>::load(in); },
          [](auto& x) { x.grow(x.size() + 1); });
    case 3:
      return load_and_use(
          input, [](byte_reader& in) { return online::trend::load(in, n_items); }, use_trend);
    case 4:
      return load_and_use(
          input, [](byte_reader& in) { return online::response_rate::load(in, n_items); }, use_rates);
    case 5:
      return load_and_use(
          input, [](byte_reader& in) { return online::history::load(in, n_items); },
          [](online::history& x) {
            x.add({item(4), {}});
          });
    case 6:
      return load_and_use(
          input, [](byte_reader& in) { return online::sequence::load(in, {}, n_items); }, use_sequence);
    case 7:
      return load_and_use(
          input, [](byte_reader& in) { return hybrid::blender::load(in, n_sources); }, use_blender);
    case 8:
      return load_and_use(
          input, [](byte_reader& in) { return hybrid::candidate_set::load(in, n_sources, n_items); }, [](auto&) {});
    case 9:
      return load_and_use(
          input, [&](byte_reader& in) { return tandem::detail::pending_decisions::load(in, 4, known); }, use_pending);
    case 10:
      return load_and_use(
          input,
          [](byte_reader& in) {
            return hybrid::choice_log::load(in, n_sources, {4, 2});
          },
          [](hybrid::choice_log& x) { (void)x.latest(); });
    case 11:
      return load_and_use(
          input, [](byte_reader& in) { return hybrid::ranker::load(in); }, use_ranker);
    case 12: return load_and_use(input, sender::load, use_sender);
    default:
      return load_and_use(
          input, [](byte_reader& in) { return tandem::detail::key_set::load(in, 4); }, [](auto& x) { x.trim(); });
  }
}

std::vector<std::string> tandem_fuzz::seeds() {
  interner<user_index> ids;
  for (const char* each : {"ada", "bob", "", "cleo"}) ids.intern(each);
  ids.release("bob");
  flat_table<float> table;
  for (std::uint32_t k = 0; k < 9; ++k) table[k * 7] = 1.5F;
  cow_vector<std::vector<std::uint32_t>, 16> lists;
  lists.grow(20);
  lists.write(18) = {1, 2, 3};
  online::trend counts(50);
  online::response_rate rates;
  online::history past;
  online::sequence sequence;
  use_trend(counts);
  use_rates(rates);
  use_sequence(sequence);
  for (std::uint32_t k = 0; k < 6; ++k) past.add({item(k % 4), from_millis(k)});
  past.dislike(item(9));
  hybrid::blender blender(n_sources);
  use_blender(blender);
  tandem::detail::pending_decisions pending(4);
  pending.add(a_decision());
  tandem::detail::key_set keys(4);
  for (const char* each : {"k1", "k2"}) keys.add(each);
  hybrid::choice_log choices(n_sources, {4, 2});
  choices.add(*a_decision().candidates, std::vector<std::size_t>{0, 1}, 1, std::vector<float>{1, 2}, user_index{3});
  sender letters;
  use_sender(letters);
  return {bytes(0, ids),      bytes(1, table),    bytes(2, lists),
          bytes(3, counts),   bytes(4, rates),    bytes(5, past),
          bytes(6, sequence), bytes(7, blender),  bytes(8, *a_decision().candidates),
          bytes(9, pending),  bytes(10, choices), bytes(11, a_ranker()),
          bytes(12, letters), bytes(13, keys)};
}
