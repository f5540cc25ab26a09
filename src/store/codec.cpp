// Bodies of entries, field by field.

#include "codec.hpp"

#include <algorithm>
#include <utility>

TANDEM_BEGIN
namespace detail::file {
namespace {

// of an event
enum event_bit : std::uint8_t {
  through_reward = 1,
  own_context = 2,
  has_decision = 4,
  has_key = 8,
  has_value = 16,   // other than 1
  has_weight = 32,  // other than its value
  has_facts = 64,
};
// of an answer
enum answer_bit : std::uint8_t {
  shadow = 1,
  excludes_seen = 2,
  is_limited = 4,
  has_candidates = 8,
  has_rules = 16,
  is_lessened = 32,  // its budget did not afford all sources
  is_given = 64,     // the engine did not fill it
};
// of a boost
enum boost_bit : std::uint8_t { of_item = 1 };

// rules as they stand at the end of an answer. @param words  ids of their texts, in order
void write_rules(body_writer& out, const page_rules& rules, const std::vector<std::uint32_t>& words) {
  auto word = words.begin();
  for (const std::vector<std::string>* list : {&rules.only_with, &rules.never_with}) {
    out.number(list->size());
    for (std::size_t k = 0; k < list->size(); ++k) out.number(*word++);
  }
  out.number(rules.caps.size());
  for (const attribute_cap& each : rules.caps) {
    out.number(*word++);
    out.number(each.most);
  }
  out.number(rules.boosts.size());
  for (const score_boost& each : rules.boosts) {
    out.byte(each.item.empty() ? 0 : of_item);
    out.number(*word++);
    out.real(each.by);
  }
  out.byte(static_cast<std::uint8_t>(rules.diversity.kind));
  out.real(rules.diversity.lambda);
  out.real(rules.diversity.theta);
}

}  // namespace

// ---- writing ------------------------------------------------------------------------------------------------------

encoder::~encoder() {
  if (kept_) return;
  ids_->users.shrink(users_);
  ids_->items.shrink(items_);
  for (const std::string& word : added_words_) ids_->words.erase(word);
  ids_->n_words = words_;
  to_->shrink(mark_);
}

std::uint32_t encoder::user_id(user_index user, std::string_view name) {
  if (ids_->users.has_index(slot(user))) return ids_->users.id_of(slot(user));
  const std::uint32_t id = ids_->users.add();
  to_->add_name(table::user, id, name);
  return id;
}

std::uint32_t encoder::item_id(item_index item, std::string_view name) {
  if (ids_->items.has_index(slot(item))) return ids_->items.id_of(slot(item));
  const std::uint32_t id = ids_->items.add();
  to_->add_name(table::item, id, name);
  return id;
}

// @param names  of the items, if some may be new
std::vector<std::uint32_t> encoder::item_ids(const std::vector<item_index>& items,
                                             const std::vector<std::string_view>& names) {
  std::vector<std::uint32_t> out;
  for (std::size_t k = 0; k < items.size(); ++k) {
    out.push_back(item_id(items[k], k < names.size() ? names[k] : std::string_view()));
  }
  return out;
}

std::uint32_t encoder::word_id(std::string_view word) {
  const auto known = ids_->words.find(word);
  if (known != ids_->words.end()) return known->second;
  const auto id = static_cast<std::uint32_t>(++ids_->n_words);
  added_words_.emplace_back(word);
  ids_->words.emplace(word, id);
  to_->add_name(table::word, id, word);
  return id;
}

std::vector<std::uint32_t> encoder::word_ids(std::span<const std::string> words) {
  std::vector<std::uint32_t> out;
  for (const std::string& word : words) out.push_back(word_id(word));
  return out;
}

std::vector<std::uint32_t> encoder::word_ids(const page_rules& rules) {
  std::vector<std::uint32_t> out = word_ids(rules.only_with);
  const std::vector<std::uint32_t> never = word_ids(rules.never_with);
  out.insert(out.end(), never.begin(), never.end());
  for (const attribute_cap& each : rules.caps) out.push_back(word_id(each.attribute));
  for (const score_boost& each : rules.boosts) out.push_back(word_id(each.item.empty() ? each.fact : each.item));
  return out;
}

void encoder::write(entry_number number, const event_entry& e) {
  const std::uint32_t user = user_id(e.record.user, e.user);
  const std::uint32_t item = item_id(e.record.item, e.item);
  const std::uint32_t action = word_id(e.action);
  const std::vector<std::uint32_t> facts = word_ids(e.facts);
  std::string& text = to_->open_body();
  const std::size_t begin = text.size();
  body_writer out(text);
  unsigned bits = 0;
  if (e.as_reward) bits |= through_reward;
  if (e.own_context) bits |= own_context;
  if (e.record.decision != decision_id::none) bits |= has_decision;
  if (!e.key.empty()) bits |= has_key;
  if (e.value != 1) bits |= has_value;
  if (e.weight != e.value) bits |= has_weight;
  if (!facts.empty()) bits |= has_facts;
  out.byte(static_cast<std::uint8_t>(bits));
  out.number(item);
  out.number(action);
  out.signed_number(to_millis(e.record.time));
  if ((bits & has_value) != 0) out.real(e.value);
  if ((bits & has_weight) != 0) out.real(e.weight);
  if ((bits & has_decision) != 0) out.number(raw(e.record.decision));
  if ((bits & has_key) != 0) out.text(e.key);
  if ((bits & has_facts) != 0) {
    out.number(facts.size());
    for (const std::uint32_t fact : facts) out.number(fact);
  }
  to_->close_body(begin, static_cast<std::uint8_t>(entry_kind::event), static_cast<std::int64_t>(raw(number)), user);
}

void encoder::write(entry_number number, const answer_entry& e, log_position end) {
  const std::vector<std::uint32_t> facts = word_ids(e.facts);
  const std::vector<std::uint32_t> ruled = e.rules.has_value() ? word_ids(*e.rules) : std::vector<std::uint32_t>{};
  const std::vector<std::uint32_t> left_out = word_ids(e.left_out);
  const decision& d = e.record;
  std::vector<item_index> shown;
  for (const placed_item& place : d.slate) shown.push_back(place.item);
  const std::vector<std::uint32_t> slate = item_ids(shown, e.slate_items);
  const std::vector<std::uint32_t> only = item_ids(e.only, e.only_items);
  const std::vector<std::uint32_t> blocked = item_ids(e.blocked, e.blocked_items);
  const std::vector<std::uint32_t> offered = item_ids(e.candidate_items, e.candidate_names);
  const bool known = d.user != no_id<user_index> && ids_->users.has_index(slot(d.user));
  std::string& text = to_->open_body();
  const std::size_t begin = text.size();
  body_writer out(text);
  unsigned bits = 0;
  if (d.shadow) bits |= shadow;
  if (e.exclude_seen) bits |= excludes_seen;
  if (e.limited) bits |= is_limited;
  if (!e.candidates.empty()) bits |= has_candidates;
  if (e.rules.has_value()) bits |= has_rules;
  if (d.level != answer_level::full) bits |= is_lessened;
  if (d.given) bits |= is_given;
  out.byte(static_cast<std::uint8_t>(bits));
  out.number(raw(d.id));
  out.text(known ? std::string_view() : std::string_view(d.user_name));
  const std::size_t name_size = known ? 0 : d.user_name.size();
  const std::size_t name_begin = text.size() - name_size - begin;
  out.byte(e.user_problem);
  out.signed_number(to_millis(d.time));
  out.number(raw(number) - raw(e.seen));
  out.number(raw(end) - raw(d.position));
  out.number(e.count);
  out.number(d.model_version);
  out.number(d.slate.size());
  for (std::size_t k = 0; k < d.slate.size(); ++k) {
    out.number(slate[k]);
    out.real(d.slate[k].score);
    out.real(d.slate[k].propensity);
  }
  for (const std::vector<std::uint32_t>* list : {&only, &blocked}) {
    out.number(list->size());
    for (const std::uint32_t item : *list) out.number(item);
  }
  out.number(facts.size());
  for (const std::uint32_t fact : facts) out.number(fact);
  if (!e.candidates.empty()) {
    out.number(offered.size());
    for (const std::uint32_t item : offered) out.number(item);
    out.text({reinterpret_cast<const char*>(e.candidates.data()), e.candidates.size()});
  }
  if (e.rules.has_value()) write_rules(out, *e.rules, ruled);
  if (d.level != answer_level::full) {
    out.byte(static_cast<std::uint8_t>(d.level));
    out.number(left_out.size());
    for (const std::uint32_t source : left_out) out.number(source);
  }
  to_->close_body(begin, static_cast<std::uint8_t>(entry_kind::answer), static_cast<std::int64_t>(raw(number)),
                  known ? ids_->users.id_of(slot(d.user)) : 0, name_begin, name_size);
}

void encoder::write(entry_number number, const change_entry& e) {
  // names first: they are rows of their own, and a body is written in one piece
  std::vector<std::uint32_t> words;
  std::uint32_t item = 0;
  if (const auto* made = std::get_if<item_entry>(&e)) {
    words = word_ids(made->attributes);
    item = item_id(made->index, made->item);
  } else if (const auto* retired = std::get_if<retire_entry>(&e)) {
    item = item_id(retired->index, retired->item);
  } else if (const auto* merged = std::get_if<merge_entry>(&e)) {
    (void)user_id(merged->to_index, merged->to);
  } else if (const auto* asked = std::get_if<consent_entry>(&e)) {
    (void)user_id(asked->index, asked->user);
  }
  std::string& text = to_->open_body();
  const std::size_t begin = text.size();
  body_writer out(text);
  entry_kind kind{};
  std::uint32_t user = 0;
  if (std::holds_alternative<item_entry>(e)) {
    kind = entry_kind::item;
    out.number(item);
    out.number(words.size());
    for (const std::uint32_t word : words) out.number(word);
  } else if (std::holds_alternative<retire_entry>(e)) {
    kind = entry_kind::retire;
    out.number(item);
  } else if (const auto* merged = std::get_if<merge_entry>(&e)) {
    kind = entry_kind::merge;
    user = ids_->users.id_of(slot(merged->to_index));
    out.text(merged->from);
  } else if (const auto* asked = std::get_if<consent_entry>(&e)) {
    kind = entry_kind::consent;
    user = ids_->users.id_of(slot(asked->index));
    out.byte(asked->given ? 1 : 0);
  } else if (const auto* told = std::get_if<clock_entry>(&e)) {
    kind = entry_kind::clock;
    out.signed_number(to_millis(told->now));
  } else if (const auto* model = std::get_if<model_entry>(&e)) {
    kind = entry_kind::model;
    out.number(model->version);
    out.number(raw(number) - raw(model->seen));
    out.number(model->snapshot);
  }
  to_->close_body(begin, static_cast<std::uint8_t>(kind), static_cast<std::int64_t>(raw(number)), user);
}

// ---- reading ------------------------------------------------------------------------------------------------------

std::string_view decoder::read_item(body_reader& in) {
  const std::uint64_t id = in.number();
  const std::string_view name = names_->item(id);
  item_ids_.push_back(static_cast<std::uint32_t>(id));
  return name;
}

const std::string& decoder::read_word(body_reader& in) {
  const std::uint64_t id = in.number();
  const std::string& word = names_->word(id);
  word_ids_.push_back(static_cast<std::uint32_t>(id));
  return word;
}

std::vector<std::string> decoder::read_words(body_reader& in) {
  std::vector<std::string> out(in.count());
  for (std::string& each : out) each = read_word(in);
  return out;
}

// rules that say what rules may say
page_rules decoder::read_rules(body_reader& in) {
  page_rules out;
  out.only_with = read_words(in);
  out.never_with = read_words(in);
  out.caps.resize(in.count());
  for (attribute_cap& each : out.caps) {
    each.attribute = read_word(in);
    each.most = static_cast<std::size_t>(in.number());
  }
  out.boosts.resize(in.count());
  for (score_boost& each : out.boosts) {
    std::string& named = in.byte() == of_item ? each.item : each.fact;
    named = read_word(in);
    each.by = in.real();
  }
  out.diversity.kind = static_cast<diversity_kind>(in.byte());
  out.diversity.lambda = in.real();
  out.diversity.theta = in.real();
  try {
    out.validate();
  } catch (const error& e) {
    throw error(errc::damaged, std::string("a record has ") + e.where().field + " that " + e.message());
  }
  return out;
}

void decoder::read_event(const record_row& row, body_reader& in) {
  event_entry e;
  const std::uint8_t bits = in.byte();
  e.as_reward = (bits & through_reward) != 0;
  e.own_context = (bits & own_context) != 0;
  e.user = names_->user(static_cast<std::uint64_t>(row.user));
  e.item = read_item(in);
  e.action = read_word(in);
  e.record.time = in.time();
  if ((bits & has_value) != 0) e.value = in.real();
  e.weight = (bits & has_weight) != 0 ? in.real() : e.value;
  e.record.weight = static_cast<float>(e.weight);
  if ((bits & has_decision) != 0) e.record.decision = decision_id{in.number()};
  if ((bits & has_key) != 0) e.key = in.text();
  if ((bits & has_facts) != 0) facts_ = read_words(in);
  in.end();
  e.facts = facts_;
  entry_ = e;
}

void decoder::read_answer(const record_row& row, body_reader& in) {
  answer_entry e;
  const std::uint8_t bits = in.byte();
  decision& d = e.record;
  d.shadow = (bits & shadow) != 0;
  d.given = (bits & is_given) != 0;
  e.exclude_seen = (bits & excludes_seen) != 0;
  e.limited = (bits & is_limited) != 0;
  d.id = decision_id{in.number()};
  d.user_name = in.text();
  if (row.user != 0) d.user_name = names_->user(static_cast<std::uint64_t>(row.user));
  e.user_problem = in.byte();
  d.time = in.time();
  e.seen = entry_number{static_cast<std::uint64_t>(row.number) - in.number()};
  e.events_since = in.number();
  e.count = static_cast<std::uint32_t>(in.number());
  d.model_version = in.number();
  d.slate.resize(in.count());
  for (placed_item& place : d.slate) {
    e.slate_items.push_back(read_item(in));
    place.score = in.real_float();
    place.propensity = in.real();
  }
  for (std::vector<std::string_view>* list : {&e.only_items, &e.blocked_items}) {
    list->resize(in.count());
    for (std::string_view& item : *list) item = read_item(in);
  }
  e.facts = read_words(in);
  if ((bits & has_candidates) != 0) {
    e.candidate_names.resize(in.count());
    for (std::string_view& item : e.candidate_names) item = read_item(in);
    const std::string_view set = in.text();
    const auto* const first = reinterpret_cast<const std::byte*>(set.data());
    e.candidates.assign(first, first + set.size());
  }
  if ((bits & has_rules) != 0) e.rules = read_rules(in);
  if ((bits & is_lessened) != 0) {
    d.level = static_cast<answer_level>(in.byte());
    if (d.level > answer_level::popular) throw error(errc::damaged, "a record is of a level that is not known");
    e.left_out = read_words(in);
  }
  in.end();
  entry_ = std::move(e);
}

change_entry decoder::read_change(const record_row& row, body_reader& in) {
  const auto user = static_cast<std::uint64_t>(row.user);
  switch (static_cast<entry_kind>(row.kind)) {
    case entry_kind::item: {
      item_entry e;
      e.item = read_item(in);
      e.attributes = read_words(in);
      return e;
    }
    case entry_kind::retire: {
      retire_entry e;
      e.item = read_item(in);
      return e;
    }
    case entry_kind::merge: {
      merge_entry e;
      e.from = in.text();
      e.to = names_->user(user);
      return e;
    }
    case entry_kind::consent: {
      consent_entry e;
      e.user = names_->user(user);
      e.given = in.byte() != 0;
      return e;
    }
    case entry_kind::clock: return clock_entry{in.time()};
    case entry_kind::model: {
      model_entry e;
      e.version = in.number();
      e.seen = entry_number{static_cast<std::uint64_t>(row.number) - in.number()};
      e.snapshot = in.number();
      return e;
    }
    default: throw error(errc::damaged, "a record is of a kind that is not known: " + std::to_string(row.kind));
  }
}

journal_entry& decoder::read(const record_row& row) {
  item_ids_.clear();
  word_ids_.clear();
  facts_.clear();
  user_id_ = static_cast<std::uint32_t>(row.user);
  body_reader in(row.body);
  const auto kind = static_cast<entry_kind>(row.kind);
  if (kind == entry_kind::event) {
    read_event(row, in);
  } else if (kind == entry_kind::answer) {
    read_answer(row, in);
  } else {
    entry_ = read_change(row, in);
    in.end();
  }
  return entry_;
}

bare_event read_bare_event(const record_row& row) {
  body_reader in(row.body);
  bare_event out;
  const std::uint8_t bits = in.byte();
  out.user = static_cast<std::uint64_t>(row.user);
  out.item = in.number();
  out.action = in.number();
  out.time = in.time();
  double value = 1;
  if ((bits & has_value) != 0) value = in.real();
  out.weight = static_cast<float>((bits & has_weight) != 0 ? in.real() : value);
  if ((bits & has_decision) != 0) out.decision = decision_id{in.number()};
  return out;
}

}  // namespace detail::file
TANDEM_END
