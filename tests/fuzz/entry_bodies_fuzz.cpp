// The body of a row, of any bytes: decoder::read() and read_bare_event().

#include "codec.hpp"
#include "fuzz.hpp"

using namespace tandem;
using namespace tandem::detail::file;

namespace {

const name_lists& names() {
  static const name_lists all{
      {"ada", std::nullopt, "cleo"}, {"kettle", "teapot", "cup"}, {"view", "buy", "device=phone"}};
  return all;
}

}  // namespace

void tandem_fuzz::run(std::string_view input) {
  record_row row;
  row.number = 1000;
  row.kind = choice(input);
  row.user = static_cast<std::int8_t>(choice(input));
  row.body = input;
  taken([&] {
    decoder at(names());
    const journal_entry& entry = at.read(row);
    if (const auto* answer = std::get_if<answer_entry>(&entry)) {
      claim(answer->slate_items.size() == answer->record.slate.size());
    }
    for (const std::uint32_t id : at.item_ids()) claim(id >= 1 && id <= names().items.size());
    for (const std::uint32_t id : at.word_ids()) claim(id >= 1 && id <= names().words.size());
  });
  taken([&] { (void)read_bare_event(row); });
}

std::vector<std::string> tandem_fuzz::seeds() {
  id_space ids;
  row_queue rows;
  const std::vector<std::string> facts = {"device=phone"};
  {
    encoder out(ids, rows);
    event_entry event;
    event.user = "ada";
    event.item = "kettle";
    event.action = "buy";
    event.key = "key";
    event.value = 2;
    event.weight = 6;
    event.own_context = true;
    event.facts = facts;
    event.record.time = from_millis(1'700'000'000'000);
    event.record.decision = decision_id{9};
    out.write(entry_number{1}, event);
    answer_entry answer;
    answer.record.id = decision_id{9};
    answer.record.user = user_index{0};
    answer.record.user_name = "ada";
    answer.record.slate.resize(1);
    answer.slate_items = {"kettle"};
    answer.facts = facts;
    answer.candidates.resize(5);
    answer.rules = page_rules{.only_with = facts,
                              .caps = {{"device=phone", 2}},
                              .boosts = {{.fact = "device=phone", .by = 2}, {.item = "device=phone", .by = 2}},
                              .diversity = {.kind = diversity_kind::mmr}};
    out.write(entry_number{2}, answer, log_position{1});
    std::uint64_t number = 3;
    for (const change_entry& each : std::initializer_list<change_entry>{
             item_entry{item_index{1}, "teapot", facts}, retire_entry{item_index{0}, "kettle"},
             merge_entry{user_index{0}, "visitor", "ada"}, consent_entry{user_index{0}, "ada", false},
             clock_entry{from_millis(1)}, model_entry{1, entry_number{1}, 4}}) {
      out.write(entry_number{number++}, each);
    }
    out.keep();
  }
  std::vector<std::string> out;
  for (const queued_row& each : rows.rows()) {
    if (each.to != table::record) continue;
    out.push_back(std::string{static_cast<char>(each.kind), static_cast<char>(each.user)}.append(rows.body(each)));
  }
  return out;
}
