#include "tandem/study/report_html.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "html_check.hpp"
#include "small_logs.hpp"
#include "support/catch.hpp"

using namespace tandem;
using namespace tandem::study;
using html_check::has;
using html_check::unbalanced;
namespace page = tandem::study::detail;

TEST_CASE("the checker of tags can find what is wrong") {
  CHECK(unbalanced("<p>a<br>b</p>").empty());
  CHECK(unbalanced("<svg><line x1=\"1\"/></svg>").empty());
  CHECK(!unbalanced("<p><b>x</p></b>").empty());
  CHECK(!unbalanced("<p>").empty());
  CHECK(!unbalanced("<p class=\"x>y</p>").empty());
}

TEST_CASE("the page is well formed, in one file, without scripts or references to a network") {
  const std::string html = to_html(small_report());
  CHECK(unbalanced(html) == "");
  CHECK(html.rfind("<!doctype html>", 0) == 0);
  for (const char* reference : {"http://", "https://", "//www", "<script", "src=", "href=", "@import", "url("}) {
    INFO(reference);
    CHECK(!has(html, reference));
  }
  CHECK(!has(html, "nan"));
  CHECK(!has(html, "inf"));
}

TEST_CASE("the page shows the finding, all arms, all sources, latencies and how it was measured") {
  const std::string html = to_html(small_report());
  for (const char* part : {"the hybrid ranks the next choice", "Over time", "New users and known ones",
                           "What each source contributed", "How long it takes", "All figures", "How this was measured",
                           "Batch + fold-in", "Real-time", "Hybrid", "neighbours", "Next visit", "small.csv"}) {
    INFO(part);
    CHECK(has(html, part));
  }
  CHECK(!has(html, "Synthetic"));
}

TEST_CASE("an invented log is said to be invented, at the top") {
  study_report report = small_report();
  report.synthetic = true;
  const std::string html = to_html(report);
  CHECK(html.find("Synthetic log") < html.find("<h1>"));
  CHECK(has(html, "The log is invented by a program"));
}

TEST_CASE("a note about the log stands on the page, once") {
  study_report report = small_report();
  report.notes = {"The values of the log are not used."};
  const std::string html = to_html(report);
  const std::size_t at = html.find(report.notes[0]);
  REQUIRE(at != std::string::npos);
  CHECK(html.find(report.notes[0], at + 1) == std::string::npos);
}

TEST_CASE("the page says what an event counts") {
  study_report report = small_report();
  CHECK(has(to_html(report), "<dt>An event counts</dt><dd>1</dd>"));
  report.options.actions = {{"buy", 2.5}, {"<return>", -1}};
  report.value_as_weight = true;
  CHECK(has(to_html(report), "<dd>buy 2.50, &lt;return&gt; -1, others 1, times its value</dd>"));
}

TEST_CASE("names from outside cannot break out of the page") {
  study_report report = small_report();
  report.dataset = "<script>alert('x')</script>\"&\x01";
  report.command = "tandem study --events '<b>'";
  report.next_event.sources.front().name = "<i>";
  const std::string html = to_html(report);
  CHECK(unbalanced(html) == "");
  CHECK(!has(html, "<script"));
  CHECK(has(html, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"));
}

TEST_CASE("the headline says no more than the intervals allow") {
  study_report report = small_report();
  const auto set = [&](std::string_view with, double value, double low, double high) {
    for (comparison& each : report.next_event.comparisons) {
      if (each.with == with) each.ratio = {value, {low, high}};
    }
  };
  set("batch", 3.46, 3.2, 3.7);
  set("realtime", 1.032, 1.01, 1.05);
  CHECK(page::headline(report) ==
        "On this log, the hybrid ranks the next choice 3.5 times as well as batch and "
        "3.2\u00a0% better than real-time");
  set("realtime", 1.032, 0.99, 1.05);
  CHECK(has(page::headline(report), "about as well as real-time"));
  set("realtime", 0.9, 0.85, 0.95);
  CHECK(has(page::headline(report), "10\u00a0% worse than real-time"));
  report.next_event.comparisons[2].ratio = {};
  CHECK(has(page::headline(report), "too little was found"));
}

TEST_CASE("figures read as people write them, whatever the locale") {
  CHECK(page::thousands(0) == "0");
  CHECK(page::thousands(999) == "999");
  CHECK(page::thousands(1234567) == "1,234,567");
  CHECK(page::measure(0.12345) == ".123");
  CHECK(page::measure(1) == "1.000");
  CHECK(page::fixed(-0.0001, 2) == "0.00");
  CHECK(page::percent(0.0123) == "1.2\u00a0%");
  CHECK(page::change(1.037) == "+3.7\u00a0%");
  CHECK(page::change(0.5) == "−50\u00a0%");
  CHECK(page::factor(1.04) == "1.04");
  CHECK(page::factor(3.46) == "3.5");
  CHECK(page::duration_text(0.85) == "850\u00a0ns");
  CHECK(page::duration_text(12) == "12\u00a0µs");
  CHECK(page::duration_text(1400) == "1.4\u00a0ms");
  CHECK(page::duration_text(2.1e6) == "2.1\u00a0s");
  CHECK(page::day_text(from_millis(889228800000)) == "7 Mar 1998");
  CHECK(page::day_text(from_millis(-86400000)) == "31 Dec 1969");
}

TEST_CASE("an axis holds its largest value and has round ticks") {
  for (const double largest : {0.0013, 0.07, 0.123, 0.5, 1.0, 870.0}) {
    const auto x = page::axis::up_to(largest);
    CHECK(x.high >= largest);
    CHECK(x.high < 2.6 * largest);
    CHECK(x.ticks().size() >= 2);
    CHECK(x.ticks().size() <= 7);
  }
  CHECK(page::axis::up_to(0).ticks().size() >= 2);
  CHECK((page::axis{0.2, 0.05}.label(0.05) == ".05"));
  CHECK((page::axis{1.2, 0.5}.label(1) == "1.0"));
}
