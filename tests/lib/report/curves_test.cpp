// Curves of runs: what is read from metrics files, and what is drawn of it.
#include "lib/report/curves.hpp"

#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "tests/lib/support/errors.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using mp::test::message_of;

namespace {

std::string error_of(const std::string& text, const std::string& source = "r.jsonl") {
  return message_of<InputError>([&] { static_cast<void>(parse_run(text, source)); });
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

const std::string kLines =
    R"({"step":1,"loss":4,"step_time_s":0.5,"samples_per_s":8,"learning_rate":0.1})"
    "\n"
    R"({"step":2,"loss":3,"step_time_s":0.5,"samples_per_s":9,"learning_rate":0.2,"gradient_norm":7,"validation_loss":3.5})"
    "\n";

}  // namespace

TEST_CASE("JSON lines and CSV say the same", "[report][curves]") {
  const RunHistory lines = parse_run(kLines + R"({"summary":{"steps":2}})" + "\n", "r.jsonl");
  CHECK(lines.find("loss") == RunSeries{"loss", {1, 2}, {4, 3}});
  CHECK(lines.find("gradient_norm") == RunSeries{"gradient_norm", {2}, {7}});
  CHECK(lines.find("validation_loss") == RunSeries{"validation_loss", {2}, {3.5}});
  CHECK(lines.find("validation_accuracy").steps.empty());
  const RunHistory csv = parse_run(
      "step,loss,learning_rate,other,samples_per_s,gradient_norm,validation_loss\n1,4,0.1,x,8,,\r\n2,3,0.2,y,9,7,3.5\n",
      "r.csv");
  CHECK(csv.series == lines.series);
}

TEST_CASE("a run that goes on, or was resumed, is read as far as it is", "[report][curves]") {
  const RunHistory run = parse_run(kLines + R"({"step":3,"lo)", "r");
  CHECK(run.find("loss").steps == std::vector<std::int64_t>{1, 2});
  const RunHistory again = parse_run(kLines + R"({"step":2,"loss":2.5,"gradient_norm":null})" + "\n", "r");
  CHECK(again.find("loss") == RunSeries{"loss", {1, 2}, {4, 2.5}});
}

TEST_CASE("what is no metrics file is told with its line", "[report][curves]") {
  CHECK(error_of("") == "r.jsonl: holds no step of a training run (mprun train --metrics writes such files)");
  CHECK(error_of(kLines + "{\"loss\":1}\n") == "r.jsonl:3: \"step\" is missing");
  CHECK(error_of(kLines + "nonsense\n").starts_with("r.jsonl:3"));
  CHECK(error_of("a,b\n1,2\n", "r.csv") == "r.csv:1: the header has no column 'step'");
  CHECK(error_of("step,loss\n1,2,3\n", "r.csv") == "r.csv:2: 3 cells, but 2 columns");
  CHECK(error_of("step,loss\n1,x\n", "r.csv") == "r.csv:2: 'x' is no number");
}

TEST_CASE("ticks stand at round numbers within the axis", "[report][curves]") {
  CHECK(axis_ticks(0, 10, 5) == std::vector<double>{0, 2, 4, 6, 8, 10});
  CHECK(axis_ticks(-1, 1, 4) == std::vector<double>{-1, -0.5, 0, 0.5, 1});
  const std::vector<double> small = axis_ticks(1.001, 1.004, 3);
  REQUIRE(small.size() == 4);
  CHECK(small[1] == Approx(1.002));
}

TEST_CASE("a path goes through the points, and through few of many", "[report][curves]") {
  CurveFrame frame;
  frame.right = 100.0;
  frame.bottom = 10.0;
  frame.first = 0.0;
  frame.last = 10.0;
  frame.high = 5.0;
  CHECK(curve_path({"loss", {0, 5, 10}, {0, 5, 2.5}}, frame) == "M0.0,10.0 L50.0,0.0 L100.0,5.0");
  RunSeries many{"loss", {}, {}};
  for (std::int64_t i = 0; i < 100'000; ++i) {
    many.steps.push_back(i);
    many.values.push_back(i == 77'777 ? 5.0 : 1.0);
  }
  frame.last = 100'000.0;
  const std::string path = curve_path(many, frame);
  CHECK(count(path, " ") < 210);
  CHECK(path.find(",0.0") != std::string::npos);  // the one spike is there
}

TEST_CASE("a page has a curve for every run and figure that is there", "[report][curves]") {
  std::vector<RunHistory> runs{parse_run(kLines, "a<b>.jsonl"),
                               parse_run("step,loss,learning_rate\n1,2,0.1\n2,1,0.1\n", "two.csv")};
  const std::string page = curves_page(runs);
  CHECK(count(page, "<path ") == 7);  // loss, held-out, rate, norm, speed; loss, rate
  CHECK(count(page, "class=\"curve run1\"") == 2);
  CHECK(page.find("a&lt;b&gt;.jsonl") != std::string::npos);
  CHECK(page.find("a<b>") == std::string::npos);
  CHECK(page.find("Held-out accuracy") == std::string::npos);
  CHECK(page.find("<td>3.5</td><td>2</td>") != std::string::npos);  // the best held-out loss, and its step
  CHECK(page.find("http") == page.find("http://www.w3.org"));       // nothing from elsewhere
  const std::string svg = curves_svg(runs);
  CHECK(svg.starts_with("<svg "));
  CHECK(count(svg, "<path ") == 7);
  runs.erase(runs.begin());
  CHECK(count(curves_page(runs), "<path ") == 2);
}
