// mpplan generate: models of any size.
#include <fmt/core.h>

#include <functional>
#include <memory>
#include <string>

#include "apps/mpplan/commands.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/model_file.hpp"
#include "lib/graph/builder.hpp"
#include "models/builders/gpt.hpp"
#include "models/builders/networks.hpp"

namespace mp::apps {
namespace {

// The flags of one kind of model, and how to build it from them.
template <class Options>
struct Kind {
  Options options;
  std::string output;
};

template <class Options>
ExitCode generate(const Kind<Options>& kind, Model (*build)(const Options&)) {
  const Model model = build(kind.options);
  static_cast<void>(bind_model(model, {}, model.name));  // nothing invalid leaves this program
  const std::string text = to_json(model);
  if (kind.output.empty()) {
    fmt::print("{}", text);
  } else {
    write_file_atomically(kind.output, text);
    fmt::print(stderr, "{}: {} nodes\n", kind.output, model.nodes.size());
  }
  return ExitCode::kGood;
}

// Adds the command; the caller adds the flags that only this kind has.
template <class Options>
std::pair<CLI::App*, std::shared_ptr<Kind<Options>>> add_kind(CLI::App& parent, Action& action, const std::string& name,
                                                              const std::string& description,
                                                              Model (*build)(const Options&)) {
  CLI::App* command = parent.add_subcommand(name, description);
  auto kind = std::make_shared<Kind<Options>>();
  command->option_defaults()->always_capture_default();
  command->add_option("-o,--output", kind->output, "File to write; else standard output")->type_name("FILE");
  command->add_option("--name", kind->options.name, "Name of the model")->type_name("NAME");
  command->add_option("--batch", kind->options.batch, "Samples a step, unless bound otherwise")->type_name("N");
  command->callback([kind, build, &action] { action = [kind, build] { return generate(*kind, build); }; });
  return {command, kind};
}

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
      app.add_subcommand("generate", "Make a model of any size: gpt, mlp, convnet, autoencoder, simple");
  command->require_subcommand(1);
  add_gpt(*command, action);
  add_mlp(*command, action);
  add_convnet(*command, action);
  add_autoencoder(*command, action);
  add_simple(*command, action);
  command->footer("Example:\n  mpplan generate gpt --layers 12 --hidden 768 --heads 12 --context 1024 -o gpt.json");
}

}  // namespace mp::apps
