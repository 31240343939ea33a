// The subcommands of mprun. Each adds itself to the program and, when chosen, sets the action.
#pragma once

#include "apps/common/run_main.hpp"

namespace mp::apps {

void add_train(CLI::App& app, Action& action);
void add_launch(CLI::App& app, Action& action);
void add_verify(CLI::App& app, Action& action);
void add_eval(CLI::App& app, Action& action);
void add_generate(CLI::App& app, Action& action);
void add_profile(CLI::App& app, Action& action);
void add_plot(CLI::App& app, Action& action);
void add_roofline(CLI::App& app, Action& action);
void add_devices(CLI::App& app, Action& action);

}  // namespace mp::apps
