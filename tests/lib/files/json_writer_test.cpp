#include "lib/files/json_writer.hpp"

#include <cmath>
#include <limits>
#include <string>

#include "lib/base/random.hpp"
#include "lib/files/json.hpp"
#include "tests/support/catch.hpp"

using mp::json_number;
using mp::json_string;
using Layout = mp::JsonWriter::Layout;

TEST_CASE("numbers are as short as they read back and never look like integers", "[files]") {
  CHECK(json_number(0.02) == "0.02");
  CHECK(json_number(1.0) == "1.0");
  CHECK(json_number(-0.0) == "-0.0");
  CHECK(json_number(1e-5) == "1e-5");
  CHECK(json_number(9.89e14) == "9.89e14");
  CHECK(json_number(5e-324) == "5e-324");
  const mp::RandomStream stream(1, "numbers");
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const double value = stream.normal(2 * i) * std::exp(40.0 * stream.normal(2 * i + 1));
    mp::JsonDocument document(json_number(value), "number");
    CHECK(document.root().kind() == mp::JsonKind::kNumber);
    CHECK(document.root().number() == value);
  }
}

TEST_CASE("strings come out as JSON whatever their bytes are", "[files]") {
  CHECK(json_string("a\"b\\c\n\x01") == "\"a\\\"b\\\\c\\n\\u0001\"");
  CHECK(json_string("grün 层") == "\"grün 层\"");
  CHECK(json_string("\xff|\xc3|\xed\xa0\x80|\xc0\x80") == "\"\\ufffd|\\ufffd|\\ufffd\\ufffd\\ufffd|\\ufffd\\ufffd\"");
  std::string every_byte;
  for (int c = 0; c < 256; ++c) every_byte += static_cast<char>(c);
  mp::JsonDocument document(json_string(every_byte), "bytes");
  CHECK(document.root().string().substr(0, 0x80) == every_byte.substr(0, 0x80));
}

TEST_CASE("lines and inline parts are laid out for people", "[files]") {
  mp::JsonWriter writer;
  writer.begin_object().member("format", "mp.model/1").key("nodes").begin_array();
  writer.begin_object(Layout::kInline).member("name", "a").key("shape").values(std::vector<int>{1, 2}).end();
  writer.begin_object(Layout::kInline).member("pinned", true).end();
  writer.end().key("empty").begin_object().end().member("rate", 0.5).end();
  CHECK(std::move(writer).take() == R"({
  "format": "mp.model/1",
  "nodes": [
    {"name": "a", "shape": [1, 2]},
    {"pinned": true}
  ],
  "empty": {},
  "rate": 0.5
}
)");
}
