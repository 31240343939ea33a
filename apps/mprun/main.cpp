// mprun: trains a model from a placement plan.
#include "apps/mprun/commands.hpp"
#include "apps/mprun/rank_start.hpp"

int main(int argc, char** argv) {
  mp::apps::CLI::App app("mprun trains a model from a placement plan made by mpplan, or written by hand.", "mprun");
  app.footer(
      "Example:\n"
      "  mpplan partition models/gpt-1m.json --devices 4 -o plan.json\n"
      "  mprun train plan.json --recipe configs/gpt-text.json --save weights.safetensors\n"
      "Exit codes: 0 good, 1 the answer is no, 2 wrong usage, 3 bad input, 4 impossible, 5 a run failed (device, peer, "
      "disk), 130 interrupted.");
  mp::apps::Action action;
  mp::apps::add_version(app);
  mp::apps::add_train(app, action);
  mp::apps::add_launch(app, action);
  mp::apps::add_verify(app, action);
  mp::apps::add_eval(app, action);
  mp::apps::add_generate(app, action);
  mp::apps::add_profile(app, action);
  mp::apps::add_plot(app, action);
  mp::apps::add_roofline(app, action);
  mp::apps::add_devices(app, action);
  app.require_subcommand(1);
  const auto usage = mp::apps::is_launched_beside_another() ? mp::apps::Usage::kSilent : mp::apps::Usage::kTold;
  return mp::apps::run_main(
      app, argc, argv,
      [&] {
        const bool takes_ranks =
            app.got_subcommand("train") || app.got_subcommand("eval") || app.got_subcommand("generate");
        if (!takes_ranks && mp::apps::refuse_ranks()) return mp::apps::ExitCode::kUsage;
        return action();
      },
      usage);
}
