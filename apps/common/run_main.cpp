#include "apps/common/run_main.hpp"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"

namespace mp::apps {
namespace {

// Where not even that can be written (a log on the full disk), the exit code alone tells.
void complain(const ::CLI::App& app, std::string_view message) noexcept {
  try {
    std::fflush(stdout);
    fmt::print(stderr, "{}: {}\n", app.get_name(), message);
  } catch (const std::exception&) {
    return;
  }
}

// The name as typed so far: "mprun train".
std::string command_name(const ::CLI::App& app) {
  const std::vector<::CLI::App*> chosen = app.get_subcommands();
  return chosen.empty() ? app.get_name() : app.get_name() + " " + command_name(*chosen.front());
}

const ::CLI::App& chosen_command(const ::CLI::App& app) {
  const std::vector<::CLI::App*> chosen = app.get_subcommands();
  return chosen.empty() ? app : chosen_command(*chosen.front());
}

// CLI11 lists what it has not understood, values and all, the last first; name the option, and the one that was meant.
std::string unknown_option(const ::CLI::App& command, const std::vector<std::string>& rest,
                           const ::CLI::ParseError& error) {
  const auto odd =
      std::find_if(rest.begin(), rest.end(), [](const std::string& word) { return word.starts_with("--"); });
  if (dynamic_cast<const ::CLI::ExtrasError*>(&error) == nullptr || odd == rest.end()) return error.what();
  const std::string name = odd->substr(0, odd->find('='));
  std::vector<std::string> known;
  for (const ::CLI::Option* option : command.get_options()) {
    for (const std::string& long_name : option->get_lnames()) known.push_back("--" + long_name);
  }
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  return fmt::format("unknown option '{}'{}", name, did_you_mean(name, candidates));
}

// CLI11 says "a subcommand is required" to a misspelt one; name it, and those there are.
std::string usage_message(const ::CLI::App& app, const ::CLI::ParseError& error) {
  const std::vector<std::string> rest = app.remaining(true);
  const bool has_commands = !app.get_subcommands([](const ::CLI::App*) { return true; }).empty();
  if (!has_commands || !app.get_subcommands().empty()) return unknown_option(chosen_command(app), rest, error);
  std::string commands;
  for (const ::CLI::App* command : app.get_subcommands([](const ::CLI::App*) { return true; })) {
    commands += (commands.empty() ? "" : ", ") + command->get_name();
  }
  if (rest.empty()) return "a command is needed: " + commands;
  return fmt::format("unknown {} '{}'; commands: {}", rest.front().starts_with("-") ? "option" : "command",
                     rest.front(), commands);
}

ExitCode guarded(::CLI::App& app, int argc, const char* const* argv, const Action& action, Usage usage) {
  try {
    app.parse(argc, argv);
    return action();
  } catch (const ::CLI::Success& success) {  // --help, --version
    if (usage == Usage::kTold) app.exit(success);
    return ExitCode::kGood;
  } catch (const ::CLI::ParseError& error) {
    if (usage == Usage::kTold) {
      complain(app, fmt::format("{}\nSee '{} --help'.", usage_message(app, error), command_name(app)));
    }
    return ExitCode::kUsage;
  } catch (...) {
    const auto [code, text] = describe_exception();
    const std::string help = code == ExitCode::kUsage ? fmt::format("\nSee '{} --help'.", command_name(app)) : "";
    complain(app, text + help);
    return code;
  }
}

}  // namespace

std::pair<ExitCode, std::string> describe_exception() {
  try {
    throw;
  } catch (const UsageError& error) {
    return {ExitCode::kUsage, error.what()};
  } catch (const InputError& error) {
    return {ExitCode::kInput, error.what()};
  } catch (const InfeasibleError& error) {
    return {ExitCode::kInfeasible, error.what()};
  } catch (const std::bad_alloc&) {
    return {ExitCode::kRunFailed, "out of memory"};
  } catch (const std::exception& error) {
    return {ExitCode::kRunFailed, error.what()};  // RunError, std::system_error, defects
  }
}

int run_main(CLI::App& app, int argc, const char* const* argv, const Action& action, Usage usage) noexcept {
  std::signal(SIGXFSZ, SIG_IGN);  // a file too large is an error of its write, with a message: no silent death
  const ExitCode code = guarded(app.real(), argc, argv, action, usage);
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return static_cast<int>(code);
  complain(app.real(), fmt::format("cannot write to standard output: {}", std::strerror(errno)));
  return static_cast<int>(code == ExitCode::kGood ? ExitCode::kRunFailed : code);
}

void add_version(CLI::App& app) {
  app.set_version_flag("--version", app.get_name() + " " MP_VERSION, "Print the version");
}

}  // namespace mp::apps
