// mprun: trains a model from a placement plan.
#include "apps/common/run_main.hpp"

int main(int argc, char** argv) {
  CLI::App app("mprun trains a model from a placement plan made by mpplan, or written by hand.", "mprun");
  mp::apps::Action action;
  mp::apps::add_version(app);
  app.require_subcommand(1);
  return mp::apps::run_main(app, argc, argv, action);
}
