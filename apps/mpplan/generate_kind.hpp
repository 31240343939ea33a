// What every kind of model that `mpplan generate` makes has in common.
#pragma once

#include <fmt/core.h>

#include <memory>
#include <string>
#include <utility>

#include "apps/common/outputs.hpp"
#include "apps/mpplan/commands.hpp"
#include "lib/files/model_file.hpp"
#include "lib/graph/builder.hpp"

namespace mp::apps {

// The flags of one kind of model, and how to build it from them.
template <class Options>
struct GeneratedKind {
  Options options;
  std::string output{kStandardOutput};
};

template <class Options>
ExitCode generate(const GeneratedKind<Options>& kind, Model (*build)(const Options&)) {
  const Model model = build(kind.options);
  static_cast<void>(bind_model(model, {}, model.name));  // nothing invalid leaves this program
  write_output(kind.output, to_json(model));
  if (kind.output != kStandardOutput) fmt::print(stderr, "{}: {} nodes\n", kind.output, model.nodes.size());
  return ExitCode::kGood;
}

// Adds the command; the caller adds the flags that only this kind has.
template <class Options>
std::pair<CLI::App*, std::shared_ptr<GeneratedKind<Options>>> add_kind(CLI::App& parent, Action& action,
                                                                       const std::string& name,
                                                                       const std::string& description,
                                                                       Model (*build)(const Options&)) {
  CLI::App* command = parent.add_subcommand(name, description);
  auto kind = std::make_shared<GeneratedKind<Options>>();
  command->show_defaults();
  command->add_option("-o,--output", kind->output, "File to write; - is standard output")->type_name("FILE");
  command->add_option("--name", kind->options.name, "Name of the model")->type_name("NAME");
  command->add_option("--batch", kind->options.batch, "Samples a step, unless bound otherwise")->type_name("N");
  command->callback([kind, build, &action] { action = [kind, build] { return generate(*kind, build); }; });
  return {command, kind};
}

// The sizes of a transformer over tokens; `heads` and `inner` say what is special about these.
template <class Options>
void add_transformer_flags(CLI::App& command, Options& o, const std::string& heads, const std::string& inner) {
  command.add_option("--layers", o.layers, "Transformer blocks")->type_name("N");
  command.add_option("--hidden", o.hidden, "Width of the residual stream")->type_name("N");
  command.add_option("--heads", o.heads, "Attention heads" + heads)->type_name("N");
  command.add_option("--feed-forward", o.feed_forward, "Width of the inner layer; 0: " + inner)->type_name("N");
  command.add_option("--vocabulary", o.vocabulary, "Tokens; 256: bytes")->type_name("N");
  command.add_option("--context", o.context, "Tokens a sequence")->type_name("N");
}

// generate_sequences.cpp: llama, bert, lstm.
void add_generate_sequences(CLI::App& parent, Action& action);
// generate_images.cpp: vit, resnet, unet, speech.
void add_generate_images(CLI::App& parent, Action& action);

}  // namespace mp::apps
