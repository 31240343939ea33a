#include "lib/files/json.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tests/lib/support/errors.hpp"
#include "tests/support/catch.hpp"

using mp::InputError;
using mp::JsonDocument;
using mp::JsonKind;
using mp::test::message_of;

namespace {

std::string parse_error(const std::string& text) {
  return message_of<InputError>([&] { JsonDocument(text, "f"); });
}

// The message of everything wrong that `read` finds in the text.
template <class Read>
std::string read_errors(const std::string& text, Read read) {
  JsonDocument document(text, "f");
  static_cast<void>(read(document.root()));
  return message_of<InputError>([&] { document.finish(); });
}

}  // namespace

TEST_CASE("typed values are read where they stand", "[files]") {
  JsonDocument document(R"({"a": [1, -2.5, "x\u00fc", true, null], "b": {"c": 9007199254740993}, "e": {}})", "f");
  const auto root = document.root().object({"a", "b", "e"});
  const std::vector<mp::JsonValue> items = root["a"].items();
  REQUIRE(items.size() == 5);
  CHECK(items[0].integer() == 1);
  CHECK(items[0].number() == 1.0);
  CHECK(items[1].number() == -2.5);
  CHECK(items[2].string() == "xü");
  CHECK(items[3].boolean());
  CHECK(items[4].kind() == JsonKind::kNull);
  CHECK(items[3].pointer() == "/a/3");
  const auto members = root["b"].members();
  REQUIRE(members.size() == 1);
  CHECK(members[0].first == "c");
  CHECK(members[0].second.integer() == 9007199254740993);
  CHECK(members[0].second.pointer() == "/b/c");
  CHECK(root["e"].members().empty());
  CHECK_FALSE(root["d"].present());
  CHECK(root["d"].string().empty());
  document.finish();
}

TEST_CASE("several mistakes are told together, each at its place", "[files]") {
  const std::string message = read_errors(R"({"nodes": [{"name": 1, "opp": "Gemm"}], "n": 0, "r": -1})", [](auto root) {
    const auto object = root.object({"nodes", "n", "r"});
    for (const auto node : object["nodes"].items()) {
      const auto fields = node.object({"name", "op"});
      CHECK(fields.require("name").string().empty());
      CHECK(fields.require("op").string().empty());
    }
    CHECK(object["n"].integer(1) == 1);
    CHECK(object["r"].number_at_least(0.5) == 0.5);
  });
  CHECK(message ==
        "f: /nodes/0/opp: unknown key 'opp'; did you mean 'op'?; known: name, op\n"
        "f: /nodes/0/name: a string is expected here, not 1\n"
        "f: /nodes/0: \"op\" is missing\n"
        "f: /n: 0 is too small: 1 or more is expected\n"
        "f: /r: -1 is too small: 0.5 or more is expected");
}

TEST_CASE("every wrong type has a message", "[files]") {
  const auto error = [](const std::string& text, auto read) { return read_errors(text, read); };
  CHECK(error("\"x\"", [](auto v) { return v.integer(); }) == "f: an integer is expected here, not the string 'x'");
  CHECK(error("1.5", [](auto v) { return v.integer(); }) == "f: an integer is expected here, not 1.5");
  CHECK(error("18446744073709551615", [](auto v) { return v.integer(); }) ==
        "f: an integer is expected here, not 18446744073709551615");
  CHECK(error("7", [](auto v) { return v.integer(0, 3); }) == "f: 7 is out of range: 0 to 3 is expected");
  CHECK(error("null", [](auto v) { return v.number(); }) == "f: a number is expected here, not null");
  CHECK(error("{}", [](auto v) { return v.boolean(); }) == "f: true or false is expected here, not an object");
  CHECK(error("[]", [](auto v) { return v.members(); }) == "f: an object is expected here, not an array");
  CHECK(error("true", [](auto v) { return v.items(); }) == "f: an array is expected here, not true");
  CHECK(error("\"\"", [](auto v) { return v.nonempty_string(); }) == "f: must not be empty");
  constexpr std::array<std::string_view, 2> schedules = {"gpipe", "1f1b"};
  CHECK(error("\"zero\"", [&](auto v) { return v.choice("schedule", schedules); }) ==
        "f: unknown schedule 'zero'; known: gpipe, 1f1b");
  CHECK(error("\"gpip\"", [&](auto v) { return v.choice("schedule", schedules); }) ==
        "f: unknown schedule 'gpip'; did you mean 'gpipe'?; known: gpipe, 1f1b");
}

TEST_CASE("many mistakes are counted, not all told", "[files]") {
  std::string text = "[0";
  for (int i = 1; i < 1000; ++i) text += ",0";
  const std::string message = read_errors(text + "]", [](auto root) { static_cast<void>(root.strings()); });
  CHECK(std::count(message.begin(), message.end(), '\n') == 20);
  CHECK(message.substr(message.rfind('\n') + 1) == "f: and 980 more");
}

TEST_CASE("what is not JSON is refused with line and column", "[files]") {
  CHECK(parse_error("") == "f: the file is empty");
  CHECK(parse_error("{\"a\": 1,\n \"b\": [1, 2").rfind("f: line 2, column 11: not JSON: ", 0) == 0);
  CHECK(parse_error("{\"a\": 1,\n \"b\": [1, 2").find("unexpected end of input") != std::string::npos);
  CHECK(parse_error("{} x").find("line 1, column 4: not JSON: ") != std::string::npos);
  CHECK(parse_error("{\"a\": NaN}").find("line 1, column 7: not JSON") != std::string::npos);
  CHECK(parse_error("[1e999]") == "f: line 1, column 6: not JSON: number overflow parsing '1e999'");
  CHECK(parse_error("[01]").rfind("f: line 1", 0) == 0);
  CHECK(parse_error("[\"a\xff\"]").find("UTF-8") != std::string::npos);
  CHECK(parse_error(std::string("[1,\0]", 5)).rfind("f: line 1", 0) == 0);
  CHECK(parse_error("[1, // one\n 2]").rfind("f: line 1", 0) == 0);
}

TEST_CASE("a key that comes twice is refused", "[files]") {
  CHECK(parse_error(R"({"a": 1, "b": 2, "a": 3})") == "f: key 'a' comes twice");
  CHECK(parse_error(R"({"n/~": [[], {}, {"x": {}, "y": [{}], "x": 0}]})") == "f: /n~1~0/2: key 'x' comes twice");
  CHECK(parse_error(R"([{"a": 1}, {"a": 1}])") == "(nothing was thrown)");
}

TEST_CASE("nesting ends at the limit, before memory or stack do", "[files]") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(parse_error(nested(JsonDocument::kMaxDepth)) == "(nothing was thrown)");
  CHECK(parse_error(nested(JsonDocument::kMaxDepth + 1)) == "f: nested deeper than 64 levels");
  CHECK(parse_error(std::string(100'000'000, '[')) == "f: nested deeper than 64 levels");
  std::string objects;
  while (objects.size() < 10'000'000) objects += "{\"a\":";
  CHECK(parse_error(objects) == "f: nested deeper than 64 levels");
}

TEST_CASE("an endless string is told shortly", "[files]") {
  const std::string message = parse_error("[\"" + std::string(10'000'000, 'a'));
  CHECK(message.size() < 400);
  CHECK(message.find("missing closing quote") != std::string::npos);
}

TEST_CASE("a file of another format is refused at once", "[files]") {
  const auto error = [](const std::string& text) {
    JsonDocument document(text, "f");
    return message_of<InputError>([&] { document.require_format("mp.model/1"); });
  };
  CHECK(error(R"({"format": "mp.model/1"})") == "(nothing was thrown)");
  CHECK(error(R"({"format": "mp.plan/1"})") == "f: /format: this is a plan, and a model is expected");
  CHECK(error(R"({"format": "mp.model/2"})") == "f: /format: unknown format 'mp.model/2'; known here: mp.model/1");
  CHECK(error(R"({"format": "mp.planet/1"})") == "f: /format: unknown format 'mp.planet/1'; known here: mp.model/1");
  CHECK(error(R"({"format": 1})") == "f: /format: a string is expected here, not 1");
  CHECK(error("{}") == "f: \"format\" is missing: \"mp.model/1\" is expected");
  CHECK(error("[]") == "f: an object with \"format\": \"mp.model/1\" is expected");
}
