#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/error.hpp"
#include "lib/files/model_file.hpp"
#include "lib/graph/builder.hpp"
#include "models/builders/convolutional.hpp"
#include "models/builders/encoders.hpp"
#include "models/builders/gpt.hpp"
#include "models/builders/llama.hpp"
#include "models/builders/networks.hpp"
#include "models/builders/recurrent.hpp"
#include "tests/support/catch.hpp"

using namespace mp::models;

namespace {

const mp::ModelParameter& parameter(const mp::Model& model, const std::string& name) {
  for (const mp::ModelParameter& p : model.parameters) {
    if (p.name == name) return p;
  }
  throw std::out_of_range(name);
}

mp::TensorType type_of(const mp::Graph& graph, const std::string& tensor) {
  return graph.tensor(graph.find_tensor(tensor).value()).type;
}

template <class Build, class Options>
std::string usage_error(Build build, const Options& options) {
  try {
    static_cast<void>(build(options));
  } catch (const mp::UsageError& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

}  // namespace

TEST_CASE("simple.json: two linear layers on two devices", "[models]") {
  const mp::Model model = build_simple({});
  REQUIRE(model.nodes.size() == 3);
  CHECK(model.nodes[0].device == 0);
  CHECK(model.nodes[1].device == 1);
  CHECK(model.inputs[0].data == "normal");
  CHECK(model.loss_reduction == mp::LossReduction::kSum);
  const mp::Graph graph = mp::bind_model(model, {}, "simple");
  CHECK(type_of(graph, "fc2") == mp::TensorType{mp::DataType::kFloat32, {16, 10}});
}

TEST_CASE("a GPT ties its logits to its embedding and begins like GPT-2", "[models]") {
  const mp::Model model = build_gpt({.layers = 8, .hidden = 64, .heads = 2, .feed_forward = 96, .vocabulary = 300});
  std::int64_t readers = 0;
  for (const mp::ModelNode& node : model.nodes) {
    for (const std::string& input : node.inputs) readers += input == "token_embedding.weight" ? 1 : 0;
  }
  CHECK(readers == 2);
  CHECK(parameter(model, "block0.attention.query.weight").initializer.b == 0.02);
  CHECK(parameter(model, "block7.feed_forward.project.weight").initializer.b == Approx(0.02 / 4));
  CHECK(parameter(model, "block0.feed_forward.expand.weight").weight_decay);
  CHECK_FALSE(parameter(model, "block0.feed_forward.expand.bias").weight_decay);
  CHECK_FALSE(parameter(model, "final_norm.weight").weight_decay);
  const mp::Graph graph = mp::bind_model(model, {{"batch", 3}}, "gpt");
  CHECK(type_of(graph, "logits") == mp::TensorType{mp::DataType::kFloat32, {3 * 128, 300}});
  CHECK(type_of(graph, "block7.feed_forward.expand").shape == mp::Shape{3 * 128, 96});
}

TEST_CASE("dropout is there when asked for", "[models]") {
  const mp::Model with = build_gpt({.layers = 2, .dropout = 0.25});
  CHECK(with.nodes.size() == build_gpt({.layers = 2}).nodes.size() + 5);
  CHECK_NOTHROW(mp::bind_model(with, {}, "gpt"));
}

TEST_CASE("models of other sizes bind, too", "[models]") {
  const auto shape = [](const mp::Model& model, const std::string& tensor) {
    return type_of(mp::bind_model(mp::parse_model(mp::to_json(model), "f"), {}, "f"), tensor).shape;
  };
  CHECK(shape(build_gpt({.layers = 1, .hidden = 8, .heads = 8, .context = 1, .batch = 1}), "loss").empty());
  CHECK(shape(build_mlp({.inputs = 3, .hidden = {5}, .classes = 2, .batch = 7}), "classifier") == mp::Shape{7, 2});
  CHECK(shape(build_convnet({.image = 33, .channels = 3, .stages = {4, 6, 8}, .depth = 1, .classes = 5, .batch = 2}),
              "stage3.conv1") == mp::Shape{2, 8, 8, 8});
  CHECK(shape(build_autoencoder({.image = 24, .channels = 3, .stages = {4, 6, 8}, .batch = 2}), "reconstruction") ==
        mp::Shape{2, 3, 24, 24});
}

TEST_CASE("transformers of other sizes bind, too", "[models]") {
  const auto shape = [](const mp::Model& model, const std::string& tensor) {
    return type_of(mp::bind_model(mp::parse_model(mp::to_json(model), "f"), {}, "f"), tensor).shape;
  };
  const mp::Model llama = build_llama({.layers = 1, .hidden = 48, .heads = 6, .key_value_heads = 3, .context = 5});
  CHECK(shape(llama, "block0.attention.key.rotary") == mp::Shape{16, 5, 24});
  CHECK(shape(llama, "block0.feed_forward.gated") == mp::Shape{80, 128});
  const mp::Model bert = build_bert({.layers = 1, .hidden = 12, .heads = 3, .vocabulary = 9, .context = 5, .batch = 2});
  CHECK(shape(bert, "hidden_tokens") == mp::Shape{2, 5, 12});
  CHECK(shape(bert, "logits") == mp::Shape{10, 9});
  CHECK(build_bert({.hidden_share = 0.0}).nodes.size() + 9 == build_bert({}).nodes.size());
  const mp::Model vit = build_vit({.image = 12, .channels = 3, .patch = 4, .hidden = 8, .heads = 2, .batch = 2});
  CHECK(shape(vit, "position_embedding") == mp::Shape{2, 9, 8});
  CHECK(shape(vit, "features") == mp::Shape{2, 8});
}

TEST_CASE("convolutional and recurrent models of other sizes bind, too", "[models]") {
  const auto shape = [](const mp::Model& model, const std::string& tensor) {
    return type_of(mp::bind_model(mp::parse_model(mp::to_json(model), "f"), {}, "f"), tensor).shape;
  };
  const mp::Model resnet = build_resnet({.image = 33, .channels = 3, .stages = {4, 6, 8}, .blocks = 1, .batch = 2});
  CHECK(shape(resnet, "stage3.block1.add") == mp::Shape{2, 8, 9, 9});
  const mp::Model unet = build_unet({.image = 24, .channels = 3, .levels = {4, 6, 8}, .batch = 2});
  CHECK(shape(unet, "up1.beside") == mp::Shape{2, 8, 24, 24});
  CHECK(shape(unet, "image") == mp::Shape{2, 3, 24, 24});
  // The layers of the paper's cnn-trad-fpool3: 20 × 8 over 98 × 40, a third of 33 bands, 10 × 4.
  const mp::Model speech = build_speech({});
  CHECK(shape(speech, "conv1") == mp::Shape{32, 64, 79, 33});
  CHECK(shape(speech, "conv2") == mp::Shape{32, 64, 70, 8});
  CHECK(shape(build_speech({.frames = 3, .bands = 2, .channels = 2}), "conv2") == mp::Shape{32, 2, 1, 1});
  const mp::Model lstm =
      build_lstm({.layers = 2, .hidden = 6, .vocabulary = 9, .context = 5, .batch = 3, .dropout = 0.5});
  CHECK(shape(lstm, "lstm2") == mp::Shape{3, 5, 1, 6});
  CHECK(shape(lstm, "logits") == mp::Shape{15, 9});
}

TEST_CASE("ResNet-18 has the parameters of the published one but for its stem", "[models]") {
  // torchvision's resnet18 has 11,689,512; its 7×7 stem is a 3×3 one here: 64·3·(49 − 9) fewer.
  const mp::Model model = build_resnet({.image = 32, .channels = 3, .stages = {64, 128, 256, 512}, .classes = 1000});
  std::int64_t trained = 0;
  for (const mp::ModelParameter& p : model.parameters) {
    std::int64_t size = p.trainable ? 1 : 0;
    for (const mp::Dimension& extent : p.shape) size *= extent.extent;
    trained += size;
  }
  CHECK(trained == 11'689'512 - 64 * 3 * 40);
}

TEST_CASE("options that make no model are refused with both values", "[models]") {
  CHECK(usage_error(build_gpt, GptOptions{.hidden = 10, .heads = 3}) ==
        "heads must divide hidden: 3 does not divide 10");
  CHECK(usage_error(build_gpt, GptOptions{.layers = 0}) == "layers must be 1 to 1000000, not 0");
  CHECK(usage_error(build_gpt, GptOptions{.dropout = 1.0}) == "dropout must be 0 or more and less than 1, not 1");
  CHECK(usage_error(build_gpt, GptOptions{.dropout = NAN}) == "dropout must be 0 or more and less than 1, not nan");
  CHECK(usage_error(build_mlp, MlpOptions{.hidden = {}}) == "hidden needs at least one number");
  CHECK(usage_error(build_mlp, MlpOptions{.hidden = {8, -8}}) == "hidden must be 1 to 1000000, not -8");
  CHECK(usage_error(build_convnet, ConvnetOptions{.image = 2, .stages = {1, 1, 1}}) ==
        "3 stages halve an image of 2 × 2 to nothing");
  CHECK(usage_error(build_autoencoder, AutoencoderOptions{.image = 6, .stages = {1, 1}}) ==
        "an image of 6 × 6 cannot be halved 2 times");
  CHECK(usage_error(build_llama, LlamaOptions{.hidden = 12, .heads = 4}) ==
        "hidden must be heads of even size: 4 heads do not divide 12 so");
  CHECK(usage_error(build_llama, LlamaOptions{.key_value_heads = 3}) ==
        "key-value-heads must divide heads: 3 does not divide 4");
  CHECK(usage_error(build_bert, BertOptions{.hidden_share = 1.0}) ==
        "hidden-share must be 0 or more and less than 1, not 1");
  CHECK(usage_error(build_vit, VitOptions{.patch = 3}) == "patch must divide image: 3 does not divide 8");
  CHECK(usage_error(build_resnet, ResnetOptions{.image = 2, .stages = {1, 1, 1}}) ==
        "3 stages halve an image of 2 × 2 to nothing");
  CHECK(usage_error(build_unet, UnetOptions{.image = 6, .levels = {1, 1, 1}}) ==
        "an image of 6 × 6 cannot be halved 2 times");
  CHECK(usage_error(build_unet, UnetOptions{.noise = -1.0}) == "noise must be a finite number, 0 or more, not -1");
  CHECK(usage_error(build_lstm, LstmOptions{.dropout = 1.5}) == "dropout must be 0 or more and less than 1, not 1.5");
  CHECK(usage_error(build_speech, SpeechOptions{.classes = 0}) == "classes must be 1 to 1000000, not 0");
  CHECK(usage_error(build_simple, SimpleOptions{.batch = 0}) == "batch must be 1 to 1000000, not 0");
}
