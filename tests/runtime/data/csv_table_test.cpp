#include "runtime/data/csv_table.hpp"

#include <array>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "runtime/data/training_data.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;

namespace {

const mp::test::TemporaryFolder& scratch() {
  static const mp::test::TemporaryFolder folder;
  return folder;
}

CsvTable table_of(const std::string& content, CsvSource source = {}) {
  source.path = scratch().write("t.csv", content);
  return CsvTable(source);
}

template <class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const InputError& error) {
    const std::string message = error.what();
    return message.substr(std::min(message.size(), message.find(": ") + 2));
  }
  return "no error";
}

std::string opening(const std::string& content, const CsvSource& source = {}) {
  return message_of([&] { static_cast<void>(table_of(content, source)); });
}

}  // namespace

TEST_CASE("columns are read by name and number, quoted or not", "[csv]") {
  const CsvTable table =
      table_of("\xEF\xBB\xBFsize,\"unit \"\"price\"\"\",kind\r\n1, 2.5 ,\"b,\nc\"\r\n\r\n-3e2,0,a\n");
  CHECK(table.rows() == 2);
  CHECK(table.columns() == 3);
  CHECK(table.described(1) == "column 2 ('unit \"price\"')");
  CHECK(table.label() == 2);
  CHECK(table.find("size,2") == std::vector<std::size_t>{0, 1});
  CHECK(table.find("1-3") == std::vector<std::size_t>{0, 1, 2});
  const std::vector<std::size_t> both = {1, 0};
  CHECK(table.numbers(both) == std::vector<float>{2.5F, 1.0F, 0.0F, -300.0F});
  CHECK(table.classes(2, 2) == std::vector<std::int64_t>{1, 0});  // "a" before "b,\nc"
  CHECK(message_of([&] { static_cast<void>(table.find("siez")); }) ==
        "has no column 'siez'; did you mean 'size'?; it has 3 columns");
  CHECK(message_of([&] { static_cast<void>(table.classes(2, 1)); }) ==
        "column 3 ('kind'): holds 2 classes, but the model has 1");
}

TEST_CASE("tables without a header, and with another separator", "[csv]") {
  const CsvTable table = table_of("7;0\n9;2\n", {.path = "", .has_header = false, .label = "1", .separator = ';'});
  CHECK(table.label() == 0);
  const std::vector<std::size_t> second = {1};
  CHECK(table.integers(second, 3) == std::vector<std::int64_t>{0, 2});
  CHECK(table.classes(1, 3) == std::vector<std::int64_t>{0, 2});
  CHECK(message_of([&] { static_cast<void>(table.integers(second, 2)); }) ==
        "line 2, column 2: 2 is not within 0 … 1, what the model takes");
}

TEST_CASE("mistakes in tables are told with line and column", "[csv]") {
  CHECK(opening("") == "has no rows");
  CHECK(opening("a,b\n") == "has no rows");
  CHECK(opening("1,2\n3,4\n")
            .starts_with("line 1: a header is expected, but all its fields are numbers; where the file "
                         "has none, say --data csv-header=no"));
  CHECK(opening("a,b\n1,2\n\n3\n") == "line 4: has 1 fields, but the first line has 2");
  CHECK(opening("a,b\n1,\"2\n3,4\n") == "line 2, column 2: a quote is opened, but never closed");
  CHECK(opening("a,b\n1,\"2\"3\n") ==
        "line 2, column 2: text follows a closing quote; a quote within quotes is written twice");
  const CsvTable table = table_of("a,b\n\"1\n\",2\n5,x\n6,\n7,nan\n");
  const auto numbers = [&](std::vector<std::size_t> columns) {
    return message_of([&] { static_cast<void>(table.numbers(columns)); });
  };
  CHECK(numbers({1}) == "line 4, column 2 ('b'): 'x' is no finite number");
  CHECK(message_of([&] { static_cast<void>(table_of("a\nb\n\n").numbers(std::vector<std::size_t>{0})); }) ==
        "line 2, column 1 ('a'): 'b' is no finite number");
  CHECK(message_of([&] { static_cast<void>(table_of("a,b\n1,\n").numbers(std::vector<std::size_t>{1})); }) ==
        "line 2, column 2 ('b'): is empty; a number is wanted");
  CHECK(message_of([&] { static_cast<void>(table_of("a,b\n1,nan\n").numbers(std::vector<std::size_t>{1})); }) ==
        "line 2, column 2 ('b'): 'nan' is no finite number");
  CHECK(message_of([&] { static_cast<void>(table_of("a,b\n1,4e38\n").numbers(std::vector<std::size_t>{1})); }) ==
        "line 2, column 2 ('b'): '4e38' is no finite number");
  CHECK(message_of([&] { static_cast<void>(table_of("a,b\n1,\n").classes(1, {})); }) ==
        "line 2, column 2 ('b'): is empty; a class is wanted");
}

TEST_CASE("a table fills inputs by their kind, rows side by side", "[csv]") {
  std::string content = "id,kind,x,y,price\n";
  for (int i = 0; i < 200; ++i) {
    content += std::to_string(i) + (i < 100 ? ",red," : ",blue,") + std::to_string(2 * i) + "," +
               std::to_string(3 * i) + "," + std::to_string(i * 0.5) + "\n";
  }
  DataSources sources;
  sources.csv = CsvSource{.path = scratch().write("d.csv", content)};
  sources.csv->label = "kind";
  GraphBuilder builder("g");
  builder.add_input("x", {DataType::kFloat32, {2, 3}}, "images");
  builder.add_input("class", {DataType::kInt64, {2}}, "labels");
  builder.add_input("price", {DataType::kFloat32, {2, 1}}, "columns:price");
  const Graph graph = std::move(builder).build();
  const TrainingData data = open_training_data(graph, {.sources = sources, .seed = 4});
  CHECK(data.training_samples == 190);
  CHECK(data.held_out_samples == 10);
  std::array<int, 2> seen{};
  const auto check = [&](const DataSource& source, std::int64_t step) {
    std::vector<float> x(6);
    std::vector<std::int64_t> label(2);
    std::vector<float> price(2);
    source.fill(0, step, 0, std::as_writable_bytes(std::span(x)));
    source.fill(1, step, 0, std::as_writable_bytes(std::span(label)));
    source.fill(2, step, 0, std::as_writable_bytes(std::span(price)));
    for (std::size_t row = 0; row < 2; ++row) {
      const float id = x[3 * row];
      CHECK(x[3 * row + 1] == 2 * id);
      CHECK(x[3 * row + 2] == 3 * id);
      CHECK(price[row] == 0.5F * id);
      CHECK(label[row] == (id < 100 ? 1 : 0));  // blue, red
      ++seen[static_cast<std::size_t>(label[row])];
    }
  };
  for (std::int64_t step = 0; step < 25; ++step) check(*data.training, step);
  seen = {};
  for (std::int64_t step = 0; step < 5; ++step) check(*data.held_out, step);
  CHECK(seen[0] > 1);  // though the rows stand kind by kind
  CHECK(seen[1] > 1);
}
