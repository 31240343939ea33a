// mprun generate: text from a trained language model.
#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/common/checks.hpp"
#include "apps/mprun/commands.hpp"
#include "apps/mprun/interrupt.hpp"
#include "apps/mprun/job.hpp"
#include "apps/mprun/ranks.hpp"
#include "apps/mprun/stalls.hpp"
#include "apps/mprun/text_output.hpp"
#include "apps/mprun/weights_flag.hpp"
#include "lib/base/error.hpp"
#include "runtime/backends.hpp"
#include "runtime/data/bpe_vocabulary.hpp"
#include "runtime/data/vocabulary.hpp"
#include "runtime/generate.hpp"
#include "runtime/ranks/host_devices.hpp"
#include "runtime/weights.hpp"

namespace mp::apps {
namespace {

struct GenerateFlags {
  TrainFlags train;  // plan, backend, threads, ranks, stalls
  std::string weights;
  std::optional<std::string> vocabulary;
  std::string prompt = "\n";
  bool is_without_cache = false;
  std::int64_t samples = 1;
  runtime::GenerateOptions options;
};

// One sequence at a time, on one device of each group of replicas.
Job generation_job(const GenerateFlags& flags) {
  Job job = make_job(flags.train, read_plan_or_model(flags.train.plan));
  Plan& plan = job.input.plan;
  plan.replicas.clear();
  plan.recompute.clear();
  plan.zero = 0;
  job.recipe.microbatches = 1;
  if (job.input.model.dimensions.contains(kBatchDimension)) {
    job.recipe.bindings.insert_or_assign(std::string(kBatchDimension), 1);
  }
  return job;
}

std::unique_ptr<runtime::Vocabulary> open_vocabulary(const GenerateFlags& flags) {
  return flags.vocabulary ? runtime::open_bpe_vocabulary(*flags.vocabulary) : runtime::make_byte_vocabulary();
}

// The prompt in tokens that the model knows.
std::vector<std::int64_t> encoded_prompt(const GenerateFlags& flags, const runtime::Vocabulary& vocabulary,
                                         const runtime::Generator& generator) {
  if (generator.vocabulary() > vocabulary.size()) {
    throw UsageError(fmt::format("the model knows {} tokens, but {}", generator.vocabulary(),
                                 flags.vocabulary
                                     ? fmt::format("the vocabulary has {}", vocabulary.size())
                                     : "there are 256 bytes: give the files of its vocabulary with --vocabulary"));
  }
  std::vector<std::int64_t> tokens = vocabulary.encode(flags.prompt);
  const std::int64_t largest = *std::max_element(tokens.begin(), tokens.end());
  if (largest >= generator.vocabulary()) {
    throw UsageError(fmt::format("--prompt holds the token {}, but the model knows tokens below {} alone", largest,
                                 generator.vocabulary()));
  }
  const auto count = static_cast<std::int64_t>(tokens.size());
  if (count > generator.context()) {
    fmt::print(stderr, "the prompt has {} tokens: the model sees the last {} alone\n", count, generator.context());
  }
  return tokens;
}

// Rank 0's.
std::vector<std::int64_t> shared(runtime::RankGroup* ranks, std::vector<std::int64_t> tokens) {
  if (ranks == nullptr) return tokens;
  const std::string own(reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(std::int64_t));
  const std::string text = ranks->broadcast_text(own);
  tokens.resize(text.size() / sizeof(std::int64_t));
  std::memcpy(tokens.data(), text.data(), text.size());
  return tokens;
}

// Whether nobody has pressed Ctrl-C, and whoever reads the text still does: the same answer on all ranks.
bool may_go_on(runtime::RankGroup* ranks, const TextOutput& output) {
  agree_on_interrupts(ranks);
  const bool ends = was_interrupted() || !output.has_reader();
  return ranks == nullptr ? !ends : !ranks->any(ends);
}

// `vocabulary`: null on ranks that write nothing.
void write_texts(const GenerateFlags& flags, runtime::Generator& generator, const runtime::Vocabulary* vocabulary,
                 const std::vector<std::int64_t>& prompt, runtime::StallWatch* stalls) {
  runtime::RankGroup* ranks = generator.executor().ranks();
  TextOutput output;
  runtime::GenerateOptions options = flags.options;
  options.stalls = stalls;
  for (std::int64_t sample = 0; sample < flags.samples && may_go_on(ranks, output); ++sample, ++options.seed) {
    if (sample > 0) output.print("---\n");
    output.print(flags.prompt);
    generator.generate(prompt, options, [&](std::int64_t token) {
      if (vocabulary != nullptr) output.print(vocabulary->decode(token));
      return may_go_on(ranks, output);
    });
    output.print("\n");
  }
}

void announce(const GenerateFlags& flags, const runtime::Generator& generator, const std::string& model) {
  if (!generator.why_not_incremental().empty()) {
    fmt::print(stderr, "every token takes a pass over the whole context: {}\n", generator.why_not_incremental());
  }
  fmt::print(stderr, "{}: vocabulary of {}, context of {}, {}seed {}\n", model, generator.vocabulary(),
             generator.context(), flags.options.sampling.is_greedy ? "greedy, " : "", flags.options.seed);
}

// `ranks`: null in a process alone. The words are rank 0's: it alone reads the vocabulary and the weights, and writes.
ExitCode generate(const GenerateFlags& flags, RankRun* ranks, runtime::StallWatch* stalls) {
  if (flags.prompt.empty()) throw UsageError("--prompt is empty: there is nothing to go on from");
  runtime::RankGroup* group = ranks == nullptr ? nullptr : &ranks->group();
  const bool is_first = group == nullptr || group->is_first();
  const Job job = generation_job(flags);
  const PreparedPlan prepared = prepare_job(job, flags.train.plan);
  const std::unique_ptr<runtime::Vocabulary> vocabulary = is_first ? open_vocabulary(flags) : nullptr;
  runtime::BackendFactory backends = runtime::backend_factory(flags.train.backend.choice(flags.train.stall_timeout_s));
  if (ranks != nullptr) {
    ranks->agree(prepared.program, {}, flags.train.backend);
    backends = runtime::on_each_host(*group, prepared.program.devices.size(), std::move(backends));
  }
  const Graph forward = microbatch_graph(job.input.model, prepared.shape, job.input.model_path);
  const auto passes =
      flags.is_without_cache ? runtime::Generator::Passes::kWhole : runtime::Generator::Passes::kIncremental;
  runtime::Generator generator(prepared.program, forward, backends, passes, group);
  const std::vector<std::int64_t> prompt =
      shared(group, is_first ? encoded_prompt(flags, *vocabulary, generator) : std::vector<std::int64_t>{});
  runtime::load_weights(generator.executor(), is_first ? find_weights(flags.weights) : "");
  generator.take_over_weights();
  announce(flags, generator, job.input.model.name);
  watch_for_interrupts();
  write_texts(flags, generator, vocabulary.get(), prompt, stalls);
  return was_interrupted() ? ExitCode::kInterrupted : ExitCode::kGood;
}

void add_sampling_flags(CLI::App& command, runtime::GenerateOptions& options, std::int64_t& samples) {
  const std::string group = "Sampling";
  command.add_option("--tokens", options.tokens, "Tokens to generate [100]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->type_name("N")
      ->group(group);
  auto* greedy = command.add_flag("--greedy", options.sampling.is_greedy, "Always the likeliest token")->group(group);
  command
      .add_option("--temperature", options.sampling.temperature,
                  "Below 1: closer to the likeliest tokens; 0: the likeliest, as with --greedy [1]")
      ->check(between(0, 1000))
      ->excludes(greedy)
      ->type_name("X")
      ->group(group);
  command.add_option("--top-k", options.sampling.top_k, "One of the K likeliest tokens alone")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->excludes(greedy)
      ->type_name("K")
      ->group(group);
  command.add_option("--top-p", options.sampling.top_p, "One of the likeliest tokens that together have probability P")
      ->check(between(1e-9, 1))
      ->excludes(greedy)
      ->type_name("P")
      ->group(group);
  command.add_option("--seed", options.seed, "Of the choice [0]")
      ->check(seed_number())
      ->excludes(greedy)
      ->type_name("N")
      ->group(group);
  command
      .add_option("--samples", samples,
                  "Texts to write, of this seed and those that follow it, a line '---' between two [1]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->excludes(greedy)
      ->type_name("N")
      ->group(group);
}

}  // namespace

void add_generate(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("generate", "Let a trained language model write text, to standard output");
  const auto flags = std::make_shared<GenerateFlags>();
  command->add_option("plan", flags->train.plan, "A plan, or a model alone: then on one device")
      ->required()
      ->type_name("PLAN_OR_MODEL");
  add_weights_flag(*command, flags->weights);
  command->add_option("--prompt", flags->prompt, "What the text begins with [a line break]")->type_name("TEXT");
  command
      ->add_option("--vocabulary", flags->vocabulary,
                   "Folder of GPT-2's vocabulary files (vocab.json, merges.txt), where tokens are no bytes")
      ->type_name("FOLDER");
  add_sampling_flags(*command, flags->options, flags->samples);
  command->add_flag("--no-cache", flags->is_without_cache,
                    "Compute the whole context anew for every token, instead of keeping attention's keys and values");
  add_running_flags(*command, flags->train);
  add_rank_flags(*command, flags->train.ranks);
  add_stall_flag(*command, flags->train.stall_timeout_s);
  command->footer(
      "The text begins with the prompt; the same seed gives the same text, on any number of devices and processes.\n"
      "Examples:\n"
      "  mprun generate plan.json --weights w.safetensors --prompt 'The licence' --tokens 200 --temperature 0.8 "
      "--top-k 40\n"
      "  mprun generate models/gpt-1m.json --weights run1 --greedy\n"
      "  mpirun -n 4 mprun generate plan.json --weights w.safetensors        the plan's devices shared out over "
      "processes\n");
  command->callback([flags, &action] {
    action = [flags] {
      return run_watched(flags->train.ranks, flags->train.stall_timeout_s,
                         [&](RankRun* ranks, runtime::StallWatch* stalls) { return generate(*flags, ranks, stalls); });
    };
  });
}

}  // namespace mp::apps
