// mpplan generate: models of any size.
#include <fmt/ranges.h>

#include <memory>
#include <optional>
#include <string>

#include "apps/mpplan/generate_kind.hpp"
#include "lib/base/error.hpp"
#include "models/builders/gpt.hpp"
#include "models/builders/networks.hpp"

namespace mp::apps {
namespace {

// The preset, with every flag that was given in its place.
models::GptOptions with_preset(const CLI::App& command, const models::GptOptions& given, const std::string& name) {
  if (name.empty()) return given;
  const std::optional<models::GptOptions> preset = models::gpt_preset(name);
  if (!preset) {
    throw UsageError(fmt::format("--preset {}: there are {}", name, fmt::join(models::gpt_preset_names(), ", ")));
  }
  models::GptOptions options = *preset;
  const auto take = [&](const char* flag, auto member) {
    if (command.count(flag) > 0) options.*member = given.*member;
  };
  take("--name", &models::GptOptions::name);
  take("--batch", &models::GptOptions::batch);
  take("--layers", &models::GptOptions::layers);
  take("--hidden", &models::GptOptions::hidden);
  take("--heads", &models::GptOptions::heads);
  take("--feed-forward", &models::GptOptions::feed_forward);
  take("--vocabulary", &models::GptOptions::vocabulary);
  take("--context", &models::GptOptions::context);
  take("--dropout", &models::GptOptions::dropout);
  return options;
}

void add_gpt(CLI::App& parent, Action& action) {
  const auto [command, kind] =
      add_kind(parent, action, "gpt", "Decoder-only transformer in the manner of GPT-2", models::build_gpt);
  models::GptOptions& o = kind->options;
  add_transformer_flags(*command, o, "; they divide the width", "4 x hidden");
  command->add_option("--dropout", o.dropout, "Share of the residual branches dropped")->type_name("P");
  auto preset = std::make_shared<std::string>();
  command
      ->add_option(
          "--preset", *preset,
          fmt::format("A published size; flags beside it go first: {}", fmt::join(models::gpt_preset_names(), ", ")))
      ->type_name("NAME");
  command->callback([command = command, kind = kind, preset, &action] {
    action = [command, kind, preset] {
      return generate<models::GptOptions>({with_preset(*command, kind->options, *preset), kind->output},
                                          models::build_gpt);
    };
  });
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
  command->footer(
      "Examples:\n"
      "  mpplan generate gpt --layers 12 --hidden 768 --heads 12 --context 1024 -o gpt.json\n"
      "  mpplan generate gpt --preset gpt3-175b -o gpt3.json");
}

}  // namespace mp::apps
