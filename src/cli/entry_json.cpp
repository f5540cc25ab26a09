#include "entry_json.hpp"

#include <charconv>
#include <fstream>
#include <list>
#include <string_view>
#include <utility>
#include <vector>

#include "journals.hpp"
#include "tandem/core/error.hpp"
#include "tandem/detail/json_fields.hpp"
#include "tandem/detail/told_entries.hpp"
#include "tandem/json.hpp"

namespace tandem_cli {
namespace {

using namespace tandem;
using nlohmann::ordered_json;

// ---- writing ------------------------------------------------------------------------------------------------------

template <class Texts>
ordered_json facts_json(const Texts& facts) {
  ordered_json out = ordered_json::array();
  for (const std::string& each : facts) out.push_back(ordered_json(fact_of(each)));
  return out;
}

std::string to_hex(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const std::byte each : bytes) {
    out += digits[std::to_integer<unsigned>(each) >> 4U];
    out += digits[std::to_integer<unsigned>(each) & 15U];
  }
  return out;
}

void write(ordered_json& out, const event_entry& e) {
  out["kind"] = "event";
  out["user"] = e.user;
  out["item"] = e.item;
  out["action"] = e.action;
  out["value"] = e.value;
  out["weight"] = e.weight;
  out["time"] = to_millis(e.record.time);
  if (!e.key.empty()) out["key"] = e.key;
  if (e.record.decision != decision_id::none) out["decision"] = raw(e.record.decision);
  if (e.as_reward) out["as_reward"] = true;
  if (!e.facts.empty()) out["context"] = facts_json(e.facts);
  if (!e.own_context) out["context_of_answer"] = true;
}

void write(ordered_json& out, const answer_entry& a) {
  const decision& d = a.record;
  out["kind"] = "answer";
  out["decision"] = raw(d.id);
  out["user"] = d.user_name;
  out["time"] = to_millis(d.time);
  out["seen"] = raw(a.seen);
  out["events_since"] = a.events_since;
  if (a.user_problem != 0) out["user_problem"] = a.user_problem;
  out["count"] = a.count;
  out["exclude_seen"] = a.exclude_seen;
  out["shadow"] = d.shadow;
  if (d.given) out["given"] = true;
  out["model_version"] = d.model_version;
  out["items"] = ordered_json::array();
  for (std::size_t k = 0; k < d.slate.size(); ++k) {
    out["items"].push_back({{"item", a.slate_items[k]},
                            {"score", tandem::detail::json::shortest(d.slate[k].score)},
                            {"propensity", d.slate[k].propensity}});
  }
  if (a.limited) out["only"] = a.only_items;
  if (!a.blocked_items.empty()) out["blocked"] = a.blocked_items;
  if (!a.facts.empty()) out["context"] = facts_json(a.facts);
  if (!a.candidates.empty()) out["candidates"] = to_hex(a.candidates);
  if (a.rules.has_value()) out["rules"] = to_json(*a.rules);
  if (d.level != answer_level::full) {
    out["level"] = static_cast<unsigned>(d.level);
    out["left_out"] = a.left_out;
  }
}

void write(ordered_json& out, const item_entry& e) {
  out["kind"] = "item";
  out["item"] = e.item;
  out["attributes"] = facts_json(e.attributes);
}
void write(ordered_json& out, const retire_entry& e) {
  out["kind"] = "retire";
  out["item"] = e.item;
}
void write(ordered_json& out, const merge_entry& e) {
  out["kind"] = "merge";
  out["from"] = e.from;
  out["to"] = e.to;
}
void write(ordered_json& out, const consent_entry& e) {
  out["kind"] = "consent";
  out["user"] = e.user;
  out["given"] = e.given;
}
void write(ordered_json& out, const clock_entry& e) {
  out["kind"] = "clock";
  out["time"] = to_millis(e.now);
}
void write(ordered_json& out, const model_entry& e) {
  out["kind"] = "model";
  out["version"] = e.version;
  out["seen"] = raw(e.seen);
}
void write(ordered_json& out, const change_entry& change) {
  std::visit([&](const auto& e) { write(out, e); }, change);
}

// ---- reading ------------------------------------------------------------------------------------------------------

// One line: its fields by key, each of the type it must have; texts live as long as it does.
class line_fields {
 public:
  explicit line_fields(std::string_view text) : json_(tandem::detail::json::parse<ordered_json>(text)) {
    if (!json_.is_object()) throw error(errc::bad_format, "is no JSON object", {}, "give what tandem export wrote");
  }

  template <class T>
  T get(const char* key) const {
    if (!has(key)) throw error(errc::bad_format, "is missing", {{}, 0, key}, "give what tandem export wrote");
    T out{};
    tandem::detail::json::read_value(json_.at(key), out, key);
    return out;
  }
  template <class T>
  T get(const char* key, T otherwise) const {
    return has(key) ? get<T>(key) : otherwise;
  }
  bool has(const char* key) const { return json_.contains(key); }
  timestamp time() const { return from_millis(get<std::int64_t>("time")); }

  std::string_view text(const char* key) { return keep(get<std::string>(key)); }
  std::vector<std::string_view> texts(const char* key) {
    std::vector<std::string_view> out;
    for (std::string& each : get<std::vector<std::string>>(key, {})) out.push_back(keep(std::move(each)));
    return out;
  }
  std::vector<std::string> facts(const char* key) const {
    std::vector<std::string> out;
    for (const auto& [name, value] : get<std::vector<std::pair<std::string, std::string>>>(key, {})) {
      out.push_back(std::string(name).append(1, '\x1f').append(value));
    }
    return out;
  }
  answer_level level() const {
    const auto out = get<std::uint8_t>("level", 0);
    if (out > 2) throw error(errc::bad_format, "must lie in [0, 2]", {{}, 0, "level"});
    return static_cast<answer_level>(out);
  }
  page_rules rules() const {
    auto out = get<page_rules>("rules");
    try {
      out.validate();
    } catch (const error& e) {
      throw error(errc::bad_format, e.message(), e.where(), e.remedy());
    }
    return out;
  }
  const ordered_json& json() const { return json_; }
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }

 private:
  ordered_json json_;
  std::list<std::string> kept_;
};

std::vector<std::byte> from_hex(const std::string& text) {
  std::vector<std::byte> out(text.size() / 2);
  for (std::size_t k = 0; k < out.size(); ++k) {
    unsigned value = 0;
    const char* const at = text.data() + 2 * k;
    if (std::from_chars(at, at + 2, value, 16).ptr != at + 2) {
      throw error(errc::bad_format, "is not hexadecimal", {{}, 0, "candidates"});
    }
    out[k] = static_cast<std::byte>(value);
  }
  return out;
}

event_entry read_event(line_fields& in, std::vector<std::string>& facts) {
  event_entry e;
  e.user = in.text("user");
  e.item = in.text("item");
  e.action = in.text("action");
  e.value = in.get<double>("value");
  e.weight = in.get<double>("weight");
  e.record.weight = static_cast<float>(e.weight);
  e.record.time = in.time();
  if (in.has("key")) e.key = in.text("key");
  e.record.decision = decision_id{in.get<std::uint64_t>("decision", 0)};
  e.as_reward = in.get<bool>("as_reward", false);
  e.own_context = !in.get<bool>("context_of_answer", false);
  facts = in.facts("context");
  e.facts = facts;
  return e;
}

void read_items(line_fields& in, answer_entry& a) {
  const auto items = in.json().find("items");
  if (items == in.json().end() || !items->is_array()) {
    throw error(errc::bad_format, "is no array", {{}, 0, "items"}, "give what tandem export wrote");
  }
  for (const ordered_json& each : *items) {
    const line_fields place(each.dump());
    a.slate_items.push_back(in.keep(place.get<std::string>("item")));
    a.record.slate.push_back({{}, static_cast<float>(place.get<double>("score")), place.get<double>("propensity")});
  }
}

answer_entry read_answer(line_fields& in) {
  answer_entry a;
  decision& d = a.record;
  d.id = decision_id{in.get<std::uint64_t>("decision")};
  d.user_name = in.get<std::string>("user");
  d.time = in.time();
  a.seen = entry_number{in.get<std::uint64_t>("seen")};
  a.events_since = in.get<std::uint64_t>("events_since");
  a.user_problem = in.get<std::uint8_t>("user_problem", 0);
  a.count = in.get<std::uint32_t>("count");
  a.exclude_seen = in.get<bool>("exclude_seen");
  d.shadow = in.get<bool>("shadow");
  d.given = in.get<bool>("given", false);
  d.model_version = in.get<std::uint64_t>("model_version");
  read_items(in, a);
  a.limited = in.has("only");
  a.only_items = in.texts("only");
  a.blocked_items = in.texts("blocked");
  a.facts = in.facts("context");
  a.candidates = from_hex(in.get<std::string>("candidates", {}));
  if (in.has("rules")) a.rules = in.rules();
  d.level = in.level();
  a.left_out = in.get<std::vector<std::string>>("left_out", {});
  return a;
}

change_entry read_change(line_fields& in, const std::string& kind) {
  if (kind == "item") return item_entry{{}, in.text("item"), in.facts("attributes")};
  if (kind == "retire") return retire_entry{{}, in.text("item")};
  if (kind == "merge") return merge_entry{{}, in.text("from"), in.text("to")};
  if (kind == "consent") return consent_entry{{}, in.text("user"), in.get<bool>("given")};
  if (kind == "clock") return clock_entry{in.time()};
  if (kind == "model") {
    return model_entry{in.get<std::uint64_t>("version"), entry_number{in.get<std::uint64_t>("seen")}, 0};
  }
  throw error(errc::bad_format, "is no kind of entry: '" + kind + "'", {{}, 0, "kind"},
              "give what tandem export wrote");
}

void read_line(std::string_view text, entry_number from, entry_number& before,
               function_ref<void(entry_number, const journal_entry&)> f) {
  line_fields in(text);
  const entry_number number{in.get<std::uint64_t>("entry")};
  if (raw(number) <= raw(before)) {
    throw error(errc::bad_format, "does not come after the entry before", {{}, 0, "entry"}, "keep the order");
  }
  before = number;
  if (raw(number) <= raw(from)) return;
  const auto kind = in.get<std::string>("kind");
  std::vector<std::string> facts;
  if (kind == "event") {
    f(number, read_event(in, facts));
  } else if (kind == "answer") {
    f(number, read_answer(in));
  } else {
    f(number, read_change(in, kind));
  }
}

}  // namespace

nlohmann::ordered_json entry_json(entry_number number, const journal_entry& entry) {
  ordered_json out;
  out["entry"] = raw(number);
  std::visit([&](const auto& e) { write(out, e); }, entry);
  return out;
}

void exported_journal::scan(entry_number from, function_ref<void(entry_number, const journal_entry&)> f) const {
  std::ifstream in(path_, std::ios::binary);
  if (!in.is_open()) throw error(errc::io_error, "cannot be read", {path_, 0, {}});
  entry_number before{};
  std::string text;
  for (std::uint64_t line = 1; std::getline(in, text); ++line) {
    if (text.empty()) continue;
    try {
      read_line(text, from, before, f);
    } catch (const error& e) {
      if (e.code() != errc::bad_format || !e.where().file.empty()) throw;
      throw error(e.code(), e.message(), {path_, line, e.where().field}, e.remedy());
    }
  }
  if (in.bad()) throw error(errc::io_error, "cannot be read to its end", {path_, 0, {}});
}

entry_number exported_journal::last() const {
  entry_number out{};
  scan({}, [&](entry_number number, const journal_entry&) { out = number; });
  return out;
}

}  // namespace tandem_cli
