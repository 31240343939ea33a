#include "runtime/data/token_file.hpp"

#include <cstring>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "runtime/data/text.hpp"
#include "runtime/data/training_data.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;

namespace {

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// As llm.c's write_datafile makes it.
std::string header(std::int32_t magic, std::int32_t version, std::int32_t tokens) {
  std::vector<std::int32_t> words(256);
  words[0] = magic;
  words[1] = version;
  words[2] = tokens;
  return bytes_of(words);
}

std::vector<std::int64_t> tokens_of(const TokenFile& file) {
  TokenSequence sequence;
  sequence.append(file.tokens);
  std::vector<std::int64_t> tokens(static_cast<std::size_t>(sequence.size()));
  sequence.copy(0, tokens);
  return tokens;
}

std::string message_of(const std::string& path, const TokenFileOptions& options = {}) {
  try {
    static_cast<void>(open_token_file(path, options));
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("token files of nanoGPT and llm.c are read", "[tokens]") {
  const mp::test::TemporaryFolder folder;
  const std::vector<std::uint16_t> narrow = {1, 50256, 65535, 0};
  const std::vector<std::uint32_t> wide = {1, 128'000, 4'000'000'000U};
  const std::vector<std::int64_t> narrow_tokens(narrow.begin(), narrow.end());
  const std::vector<std::int64_t> wide_tokens(wide.begin(), wide.end());
  const std::string plain = folder.write("train.bin", bytes_of(narrow));
  CHECK(tokens_of(open_token_file(plain, {.width = 2, .vocabulary = {}})) == narrow_tokens);
  CHECK(tokens_of(open_token_file(plain, {.width = {}, .vocabulary = 65'536})) == narrow_tokens);
  CHECK(tokens_of(open_token_file(plain, {.width = {}, .vocabulary = 65'537})).size() == 2);
  CHECK(tokens_of(open_token_file(folder.write("a.uint32.bin", bytes_of(wide)), {.width = {}, .vocabulary = 50})) ==
        wide_tokens);
  CHECK(tokens_of(open_token_file(folder.write("U16.bin", bytes_of(narrow)), {})) == narrow_tokens);
  CHECK(tokens_of(open_token_file(folder.write("gpt2", header(20240520, 1, 4) + bytes_of(narrow)), {})) ==
        narrow_tokens);
  CHECK(tokens_of(open_token_file(folder.write("llama", header(20240801, 7, 3) + bytes_of(wide)), {})) == wide_tokens);
}

TEST_CASE("token files that are cut off, empty or unclear are refused", "[tokens]") {
  const mp::test::TemporaryFolder folder;
  const std::string tokens = bytes_of(std::vector<std::uint16_t>{1, 2, 3});
  const std::string head = header(20240520, 1, 3);
  const auto message = [&](const std::string& content, const TokenFileOptions& options = {}) {
    const std::string path = folder.write("f.bin", content);
    return message_of(path, options).substr(path.size() + 2);
  };
  CHECK(message("") == "is empty: no tokens in it");
  CHECK(message(tokens) == "nothing tells the width of its tokens: say --data token-type=uint16 or uint32");
  CHECK(message(tokens.substr(1), {.width = 2, .vocabulary = {}}) ==
        "holds 5 bytes, no whole number of uint16 tokens: cut off, or of another type (--data token-type=uint16 or "
        "uint32)");
  CHECK(message(head.substr(0, 1000)) == "ends inside its header of 1024 bytes, after 1000");
  CHECK(message(head + tokens.substr(2)) == "its header promises 3 tokens of 2 bytes, but 4 bytes follow it");
  CHECK(message(head + tokens + "x") == "its header promises 3 tokens of 2 bytes, but 7 bytes follow it");
  CHECK(message(header(20240520, 1, 0)) == "has a header, but no tokens");
  CHECK(message(head + tokens, {.width = 4, .vocabulary = {}}) == "its header says uint16, but uint32 was asked for");
  CHECK(message_of("/nowhere.bin") == "/nowhere.bin: No such file or directory");
}

TEST_CASE("pieces of any width are one sequence, and tokens beyond the vocabulary are found where they are",
          "[tokens]") {
  const mp::test::TemporaryFolder folder;
  const std::string first =
      folder.write("b/1.bin", header(20240520, 1, 20) + bytes_of(std::vector<std::uint16_t>(20, 7)));
  std::vector<std::uint32_t> numbers(40, 9);
  numbers[39] = 70'000;
  const std::string second = folder.write("b/2-uint32.bin", bytes_of(numbers));
  folder.write("b/README", "not tokens");
  const Text text = open_token_files({folder.path("b")}, {});
  CHECK(text.training.size() == 19 + 38);
  CHECK(text.held_out.size() == 1 + 2);
  CHECK(text.description == folder.path("b") + " (2 files, 60 tokens)");
  std::vector<std::int64_t> across(3);
  text.training.copy(18, across);
  CHECK(across == std::vector<std::int64_t>{7, 9, 9});
  CHECK(text.training.counts(10).of_token == std::vector<std::int64_t>{0, 0, 0, 0, 0, 0, 0, 19, 0, 38});
  CHECK(!text.training.counts(10).first_beyond);
  CHECK(text.held_out.counts(70'000).first_beyond == second + ": byte 156: token 70000");
  CHECK(text.training.counts(7).first_beyond == first + ": byte 1024: token 7");
}

TEST_CASE("a model is fed with tokens it knows, from files", "[tokens]") {
  const mp::test::TemporaryFolder folder;
  std::vector<std::uint16_t> numbers(200);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint16_t>(i);
  DataSources sources;
  sources.token_files = {folder.write("n.bin", bytes_of(numbers))};
  sources.token_type = TokenType::kUint16;
  const auto graph = [](std::int64_t vocabulary) {
    GraphBuilder builder("g");
    const TensorId tokens = builder.add_input("tokens", {DataType::kInt64, {2, 8}}, "tokens");
    const TensorId table = builder.add_parameter("table", {DataType::kFloat32, {vocabulary, 4}}, {});
    builder.add("Gather", "embedding", {table, tokens});
    return std::move(builder).build();
  };
  const TrainingData data = open_training_data(graph(200), {.sources = sources});
  std::vector<std::int64_t> tokens(16);
  data.training->fill(0, 0, 0, std::as_writable_bytes(std::span(tokens)));
  CHECK(tokens[1] == tokens[0] + 1);
  std::string message;
  try {
    static_cast<void>(open_training_data(graph(199), {.sources = sources}));
  } catch (const InputError& error) {
    message = error.what();
  }
  CHECK(message == folder.path("n.bin") +
                       ": byte 398: token 199: input 'tokens' of the model takes values below 199: its vocabulary is "
                       "too small");
}
