// mpplan generate: models of any size.
#include "apps/mpplan/generate_kind.hpp"
#include "models/builders/gpt.hpp"
#include "models/builders/networks.hpp"

namespace mp::apps {
namespace {

void add_gpt(CLI::App& parent, Action& action) {
  const auto [command, kind] =
      add_kind(parent, action, "gpt", "Decoder-only transformer in the manner of GPT-2", models::build_gpt);
  models::GptOptions& o = kind->options;
  command->add_option("--layers", o.layers, "Transformer blocks")->type_name("N");
  command->add_option("--hidden", o.hidden, "Width of the residual stream")->type_name("N");
  command->add_option("--heads", o.heads, "Attention heads; they divide the width")->type_name("N");
  command->add_option("--feed-forward", o.feed_forward, "Width of the inner layer; 0: 4 x hidden")->type_name("N");
  command->add_option("--vocabulary", o.vocabulary, "Tokens; 256: bytes")->type_name("N");
  command->add_option("--context", o.context, "Tokens a sequence")->type_name("N");
  command->add_option("--dropout", o.dropout, "Share of the residual branches dropped")->type_name("P");
}

void add_mlp(CLI::App& parent, Action& action) {
  const auto [command, kind] = add_kind(parent, action, "mlp", "Multi-layer perceptron classifier", models::build_mlp);
  command->add_option("--inputs", kind->options.inputs, "Width of the input")->type_name("N");
  command->add_option("--hidden", kind->options.hidden, "Widths of the hidden layers")->type_name("N ...");
  command->add_option("--classes", kind->options.classes, "Classes")->type_name("N");
}

void add_convnet(CLI::App& parent, Action& action) {
  const auto [command, kind] =
      add_kind(parent, action, "convnet", "Convolutional classifier of square images with batch normalization",
               models::build_convnet);
  command->add_option("--image", kind->options.image, "Height and width")->type_name("N");
  command->add_option("--channels", kind->options.channels, "Channels of the image")->type_name("N");
  command->add_option("--stages", kind->options.stages, "Channels of each stage")->type_name("N ...");
  command->add_option("--depth", kind->options.depth, "Convolutions a stage")->type_name("N");
  command->add_option("--classes", kind->options.classes, "Classes")->type_name("N");
}

void add_autoencoder(CLI::App& parent, Action& action) {
  const auto [command, kind] = add_kind(parent, action, "autoencoder", "Convolutions down, transposed convolutions up",
                                        models::build_autoencoder);
  command->add_option("--image", kind->options.image, "Height and width")->type_name("N");
  command->add_option("--channels", kind->options.channels, "Channels of the image")->type_name("N");
  command->add_option("--stages", kind->options.stages, "Channels of each stage")->type_name("N ...");
}

void add_simple(CLI::App& parent, Action& action) {
  const auto [command, kind] =
      add_kind(parent, action, "simple", "Two linear layers, pinned to devices 0 and 1", models::build_simple);
  command->add_option("--width", kind->options.width, "Width of both layers")->type_name("N");
}

}  // namespace

void add_generate(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("generate", "Make a model of any size: gpt, llama, bert, vit, lstm, resnet, unet, and more");
  command->require_subcommand(1);
  add_gpt(*command, action);
  add_generate_sequences(*command, action);
  add_generate_images(*command, action);
  add_mlp(*command, action);
  add_convnet(*command, action);
  add_autoencoder(*command, action);
  add_simple(*command, action);
  command->footer("Example:\n  mpplan generate gpt --layers 12 --hidden 768 --heads 12 --context 1024 -o gpt.json");
}

}  // namespace mp::apps
