#include "runtime/data/training_data.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;

namespace {

const TensorType kTokens{DataType::kInt64, {2, 8}};

// Only inputs, each with what fills it.
Graph inputs_of(const std::vector<std::pair<std::string, TensorType>>& inputs) {
  GraphBuilder builder("g");
  for (const auto& [name, type] : inputs) builder.add_input(name, type, name.substr(0, name.find('#')));
  return std::move(builder).build();
}

template <class T>
std::vector<T> slice(const DataSource& data, std::size_t input, std::int64_t step, std::int32_t microbatch,
                     std::size_t size) {
  std::vector<T> values(size);
  data.fill(input, step, microbatch, std::as_writable_bytes(std::span(values)));
  return values;
}

std::string message_of(const Graph& graph, const DataSources& sources) {
  try {
    static_cast<void>(open_training_data(graph, {.sources = sources}));
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

// 40 images of 2 × 3 bytes, image i filled with i; labels i mod 4.
struct ImageFiles {
  mp::test::TemporaryFolder folder;
  DataSources sources;
  ImageFiles() {
    std::string images("\0\0\x08\3\0\0\0\x28\0\0\0\2\0\0\0\3", 16);
    std::string labels("\0\0\x08\1\0\0\0\x28", 8);
    for (int i = 0; i < 40; ++i) {
      images.append(6, static_cast<char>(i));
      labels += static_cast<char>(i % 4);
    }
    sources.images = folder.write("images", images);
    sources.labels = folder.write("labels", labels);
  }
};

}  // namespace

TEST_CASE("normal values: the same for a step however it is cut into microbatches, and normal") {
  const Graph whole = inputs_of({{"normal", {DataType::kFloat32, {8, 500}}}});
  const Graph half = inputs_of({{"normal", {DataType::kFloat32, {4, 500}}}});
  const TrainingData one = open_training_data(whole, {.sources = {}, .seed = 3, .microbatches = 1});
  const TrainingData two = open_training_data(half, {.sources = {}, .seed = 3, .microbatches = 2});
  const std::vector<float> step = slice<float>(*one.training, 0, 5, 0, 4000);
  std::vector<float> joined = slice<float>(*two.training, 0, 5, 0, 2000);
  const std::vector<float> second = slice<float>(*two.training, 0, 5, 1, 2000);
  joined.insert(joined.end(), second.begin(), second.end());
  CHECK(step == joined);
  CHECK(step != slice<float>(*one.training, 0, 6, 0, 4000));
  double sum = 0.0;
  double squares = 0.0;
  for (const float value : step) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  CHECK(std::abs(sum / 4000) < 0.06);
  CHECK(std::abs(squares / 4000 - 1.0) < 0.1);
  CHECK(one.held_out == nullptr);
}

TEST_CASE("tokens and their targets come from the same windows; held-out tokens from the end") {
  const mp::test::TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 2000; ++i) text += static_cast<char>(i < 1900 ? 'a' + i % 20 : 'A' + i % 20);
  DataSources sources;
  sources.text = {folder.write("text", text)};
  const Graph graph = inputs_of({{"next-tokens", kTokens}, {"tokens", kTokens}});
  const TrainingData data = open_training_data(graph, {.sources = sources, .microbatches = 2});
  const std::vector<std::int64_t> tokens = slice<std::int64_t>(*data.training, 1, 0, 1, 16);
  const std::vector<std::int64_t> targets = slice<std::int64_t>(*data.training, 0, 0, 1, 16);
  CHECK(std::vector(tokens.begin() + 1, tokens.begin() + 8) == std::vector(targets.begin(), targets.begin() + 7));
  for (std::int64_t step = 0; step < 200; ++step) {
    for (const std::int64_t token : slice<std::int64_t>(*data.training, 0, step, 0, 16)) REQUIRE(token >= 'a');
  }
  REQUIRE(data.held_out != nullptr);
  CHECK(data.held_out_steps == 3);  // 100 bytes: 12 windows, 4 a step
  CHECK(slice<std::int64_t>(*data.held_out, 1, 0, 0, 16)[0] == 'A' + 1900 % 20);
  CHECK(*data.unigram_entropy == Approx(std::log(20.0)));
}

TEST_CASE("images and labels are shuffled alike and scaled; a copy is a copy") {
  const ImageFiles files;
  const Graph graph = inputs_of({{"copy:images#2", {DataType::kFloat32, {2, 6}}},
                                 {"images", {DataType::kFloat32, {2, 1, 2, 3}}},
                                 {"labels", {DataType::kInt64, {2}}}});
  DataSources sources = files.sources;
  sources.fill["copy:images#2"] = "copy:images";
  const TrainingData data = open_training_data(graph, {.sources = sources});
  for (std::int64_t step = 0; step < 30; ++step) {
    const std::vector<float> images = slice<float>(*data.training, 1, step, 0, 12);
    const std::vector<std::int64_t> labels = slice<std::int64_t>(*data.training, 2, step, 0, 2);
    const auto number = static_cast<std::int64_t>(std::lround(255.0F * images[0]));
    CHECK(number < 38);
    CHECK(labels[0] == number % 4);
    CHECK(images == slice<float>(*data.training, 0, step, 0, 12));
  }
  CHECK(slice<std::int64_t>(*data.held_out, 2, 0, 0, 2) == std::vector<std::int64_t>{38 % 4, 39 % 4});
}

TEST_CASE("data that does not fit the model is refused, with both sides of it") {
  const ImageFiles files;
  const mp::test::TemporaryFolder folder;
  const TensorType floats{DataType::kFloat32, {2, 6}};
  CHECK(
      message_of(inputs_of({{"#x", floats}}), {}) ==
      "model 'g': input '#x': nothing says what fills it: --data #x=KIND, one of normal, tokens, next-tokens, images, "
      "labels, columns:<list>, copy:<input>");
  CHECK(message_of(inputs_of({{"noise", floats}}), {}) ==
        "model 'g': input 'noise': 'noise' is no kind of data; known: normal, tokens, next-tokens, images, labels, "
        "columns:<list>, copy:<input>");
  DataSources sources;
  sources.fill["x"] = "normal";
  CHECK(message_of(inputs_of({{"normal", floats}}), sources) == "model 'g': has no input 'x' to fill");
  CHECK(message_of(inputs_of({{"normal", kTokens}}), {}) ==
        "model 'g': input 'normal': normal values are float32, but it is int64[2, 8]");
  CHECK(message_of(inputs_of({{"tokens", floats}}), {}) ==
        "model 'g': input 'tokens': tokens are int64[batch, context], but it is float32[2, 6]");
  sources = {};
  sources.text = {folder.write("short", "12345678")};
  CHECK(message_of(inputs_of({{"tokens", kTokens}}), sources)
            .ends_with("8 tokens to train on are too few for input 'tokens': a window of 8 tokens and the one after it "
                       "are needed"));
  CHECK(message_of(inputs_of({{"tokens", kTokens}, {"next-tokens", {DataType::kInt64, {2, 9}}}}), {}) ==
        "model 'g': input 'next-tokens': has a context of 9, but another input of tokens has 8");
  CHECK(message_of(inputs_of({{"images", floats}}), {}) ==
        "model 'g': input 'images': wants images: give a .npy or IDX file, or a folder, with --data images=FILE, a "
        "recipe that names one (--recipe; see configs/), or other values with --data images=normal");
  CHECK(message_of(inputs_of({{"images", {DataType::kFloat32, {2, 3, 2}}}}), files.sources)
            .ends_with("holds samples in the shape [40, 2, 3], but input 'images' of the model is float32[2, 3, 2]"));
  CHECK(message_of(inputs_of({{"copy:y", floats}}), {}) ==
        "model 'g': input 'copy:y': is a copy of 'y', which is no input");
  sources = files.sources;
  sources.labels = folder.write("few", std::string("\0\0\x08\1\0\0\0\1\1", 9));
  CHECK(message_of(inputs_of({{"images", floats}, {"labels", {DataType::kInt64, {2}}}}), sources)
            .ends_with("holds 1 samples, but " + *files.sources.images + " holds 40"));
}
