// The frame of both programs: command line in, one message and one exit code out.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "apps/common/command_line.hpp"

namespace mp::apps {

// The exit codes of mpplan and mprun, all of them.
enum class ExitCode : int {
  kGood = 0,
  kNo = 1,            // the answer is no: a regression found, a verification failed
  kUsage = 2,         // wrong command line
  kInput = 3,         // bad input file
  kInfeasible = 4,    // well-formed, but impossible
  kRunFailed = 5,     // device, peer, disk, memory; also a defect of ours
  kInterrupted = 130  // Ctrl-C, after finishing the step and writing what was asked
};

using Action = std::function<ExitCode()>;

// In a handler: what has been thrown, as an exit code and a message without the program's name.
[[nodiscard]] std::pair<ExitCode, std::string> describe_exception();

// Parses the command line, then runs `action`, which the callback of the chosen subcommand has set. Whatever is thrown
// becomes one message on standard error, begun with the program's name, and an exit code. Checks at the end that
// standard output took everything.
// `usage`: whether help and mistakes of the command line are told, or by another process that has the same one.
enum class Usage : bool { kSilent, kTold };
[[nodiscard]] int run_main(CLI::App& app, int argc, const char* const* argv, const Action& action,
                           Usage usage = Usage::kTold) noexcept;

// "--version" with the project's version.
void add_version(CLI::App& app);

}  // namespace mp::apps
