// The subcommands of mpplan: each adds itself to the program, and sets the action when it is chosen.
#pragma once

#include "apps/common/run_main.hpp"

namespace mp::apps {

void add_partition(CLI::App& app, Action& action);
void add_simulate(CLI::App& app, Action& action);
void add_compare(CLI::App& app, Action& action);
void add_report(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_generate(CLI::App& app, Action& action);
void add_import(CLI::App& app, Action& action);
void add_split(CLI::App& app, Action& action);

}  // namespace mp::apps
