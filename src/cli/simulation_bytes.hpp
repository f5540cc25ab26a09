#pragma once
// A simulation's result as bytes and back, between two processes of one program.

#include <string>
#include <string_view>

#include "result_bytes.hpp"
#include "tandem/study/simulation.hpp"

namespace tandem_cli {

/// Visits every field of a result; Archive is byte_writer or byte_reader.
template <class Archive, class Result>
void visit_simulation(Archive& archive, Result& result) {
  archive(result.pages);
  archive(result.shown);
  archive(result.taken);
  archive(result.visits);
  archive(result.visits_with_taking);
  archive(result.minutes);
  archive(result.satisfaction);
  archive(result.user_weeks);
  archive(result.lost);
  archive(result.retained);
  archive(result.weekly_shown);
  archive(result.weekly_taken);
  archive(result.answers);
  archive(result.learned);
  archive(result.decide);
  archive(result.learn);
  archive(result.refit_s);
  archive(result.cpu_s);
  archive(result.refit_cpu_s);
  archive(result.peak_rss_mb);
  archive(result.start_rss_mb);
}

[[nodiscard]] inline std::string to_bytes(const tandem::study::simulation_result& result) {
  byte_writer out;
  visit_simulation(out, result);
  return out.take();
}

[[nodiscard]] inline tandem::study::simulation_result simulation_from_bytes(std::string_view bytes) {
  byte_reader in(bytes);
  tandem::study::simulation_result result;
  visit_simulation(in, result);
  return result;
}

}  // namespace tandem_cli
