// mpplan: from a model and a cluster to a placement plan.
#include "apps/mpplan/commands.hpp"

int main(int argc, char** argv) {
  mp::apps::CLI::App app(
      "mpplan places a model's computation graph on devices and writes the plan that mprun trains from.", "mpplan");
  app.footer(
      "Two lines from a model to its training:\n"
      "  mpplan partition models/gpt-1m.json --devices 4\n"
      "  mprun train plan.json\n"
      "Exit codes: 0 good, 1 the answer is no, 2 wrong usage, 3 bad input, 4 impossible (balance, memory), 5 disk or "
      "memory, 130 interrupted.");
  mp::apps::Action action;
  mp::apps::add_version(app);
  app.require_subcommand(1);
  mp::apps::add_partition(app, action);
  mp::apps::add_simulate(app, action);
  mp::apps::add_compare(app, action);
  mp::apps::add_report(app, action);
  mp::apps::add_inspect(app, action);
  mp::apps::add_generate(app, action);
  mp::apps::add_import(app, action);
  mp::apps::add_split(app, action);

  return mp::apps::run_main(app, argc, argv, action);
}
