#include "tandem/study/retention.hpp"

#include <cmath>
#include <initializer_list>

#include "support/catch.hpp"

using namespace tandem::study;

namespace {

retention::windows seen(double arrival, std::initializer_list<double> visits) {
  retention::windows out{};
  for (const double day : visits) retention::visited(out, arrival, day);
  return out;
}

}  // namespace

TEST_CASE("retention counts visits in the week after day 7, 30 and 90, and people whose week has passed") {
  retention of(100);
  of.add(seen(0, {0, 7, 36.9}), 0);          // day 7 and 30; not 90
  of.add(seen(0.5, {0.5, 7.4, 14.5}), 0.5);  // a little too early, and just too late
  of.add(seen(2, {2, 95}), 2);               // comes back after long: day 90 only
  of.add(seen(3.5, {3.5, 96}), 3.5);         // day 90 cannot be asked about: 100.5 is beyond the end
  of.add(seen(63, {63, 70, 93}), 63);        // day 7 and 30, whose week ends on day 100 exactly
  of.add(seen(64, {64, 72, 95}), 64);        // only day 7 can be asked about
  of.add(seen(99, {99}), 99);                // nothing can
  const auto at = [&](double day) { return of.counts()[retention_at(day)]; };
  CHECK(at(7).of == 6);
  CHECK(at(7).some == 3);
  CHECK(at(30).of == 5);
  CHECK(at(30).some == 2);
  CHECK(at(90).of == 3);
  CHECK(at(90).some == 1);
  CHECK(at(90).share() == 1.0 / 3);
  CHECK(std::isnan(retention(0).counts()[0].share()));
}
