#include "apps/mprun/ranks.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "apps/mprun/interrupt.hpp"
#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/sha256.hpp"
#include "runtime/nccl/nccl_transport.hpp"
#include "runtime/tcp/tcp_transport.hpp"

namespace mp::apps {
namespace {

using runtime::Failure;

constexpr const char* kNccl = "NCCL";

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000.0));
}

std::string command_line() {
  std::string text = read_file("/proc/self/cmdline");
  std::replace(text.begin(), text.end(), '\0', ' ');
  const std::size_t program_end = text.find(' ');
  text = program_end == std::string::npos ? "" : text.substr(program_end + 1);
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

std::string digest_of(const Program& program) {
  std::string text;
  for (const DeviceId device : ids<DeviceId>(program.devices.size())) {
    text += fmt::format("{} {}\n{}", index(device), program.devices[device].arena_bytes, to_text(program, device));
  }
  for (const Message& message : program.messages) text += fmt::format("{} ", message.size_bytes);
  return sha256(text);
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

struct Report {
  int exit_code = 0;
  std::string text;                                         // of the error
  std::vector<std::pair<std::string, std::string>> fields;  // what must be alike
};

std::string to_text(const Report& report) {
  if (report.exit_code != 0) return fmt::format("{}\n{}", report.exit_code, report.text);
  std::string text = "0\n";
  for (const auto& [name, value] : report.fields) text += one_line(name) + '\t' + one_line(value) + '\n';
  return text;
}

Report from_text(const std::string& text) {
  Report report;
  const std::size_t end = text.find('\n');
  report.exit_code = std::stoi(text.substr(0, end));
  if (report.exit_code != 0) {
    report.text = text.substr(end + 1);
    return report;
  }
  for (std::size_t at = end + 1; at < text.size(); at = text.find('\n', at) + 1) {
    const std::string line = text.substr(at, text.find('\n', at) - at);
    const std::size_t tab = line.find('\t');
    report.fields.emplace_back(line.substr(0, tab), line.substr(tab + 1));
  }
  return report;
}

// What keeps the ranks from going on, from rank 0's point of view; exit code 0: nothing.
struct Verdict {
  int exit_code = 0;
  std::string text;
};

Verdict judge(const runtime::RankGroup& group, const std::vector<Report>& reports) {
  const Report& first = reports.front();
  const bool all_alike = std::all_of(reports.begin(), reports.end(), [&](const Report& report) {
    return report.exit_code == first.exit_code && report.text == first.text;
  });
  if (first.exit_code != 0 && all_alike) return {first.exit_code, first.text};
  for (std::size_t r = 0; r < reports.size(); ++r) {
    if (reports[r].exit_code == 0) continue;
    return {reports[r].exit_code, group.name(static_cast<int>(r)) + ": " + reports[r].text};
  }
  for (std::size_t r = 1; r < reports.size(); ++r) {
    for (std::size_t f = 0; f < std::min(first.fields.size(), reports[r].fields.size()); ++f) {
      if (reports[r].fields[f] == first.fields[f]) continue;
      return {static_cast<int>(ExitCode::kUsage),
              fmt::format("{} has {} {}, but rank 0 has {} {}: all ranks need the same {}",
                          group.name(static_cast<int>(r)), reports[r].fields[f].first, reports[r].fields[f].second,
                          first.fields[f].first, first.fields[f].second,
                          first.fields[f].first == kNccl ? "NCCL" : "plan, recipe, data and flags")};
    }
  }
  return {};
}

// Library code writes to the descriptor, and sanitizers do: those are still heard.
void fall_silent() {
  std::fflush(nullptr);
  std::FILE* nowhere = std::fopen("/dev/null", "w");
  if (nowhere == nullptr) return;
  stdout = nowhere;
  stderr = nowhere;
}

int code_of(ExitCode code) { return static_cast<int>(code); }

runtime::RankGroupOptions options_of(RankStart& start, const RankFlags& flags, int generation) {
  runtime::RankGroupOptions options;
  options.place = start.place;
  options.place.token += static_cast<std::uint64_t>(generation);
  options.place.listener = start.listener.get();
  if (generation > 0) options.place.patience = std::min(options.place.patience, std::chrono::milliseconds(10'000));
  options.silence = milliseconds(flags.timeout_s);
  if (start.mpi && flags.transport != "tcp") {
    options.make_transport = [mpi = start.mpi.get()](runtime::RankGroup& ranks, std::span<const Message> messages) {
      return mpi->make_transport(ranks, messages);
    };
  } else {
    options.make_transport = [](runtime::RankGroup& ranks, std::span<const Message> messages) {
      return std::make_unique<runtime::TcpTransport>(ranks, messages);
    };
  }
  std::FILE* messages = stderr;
  options.tell = [messages](const Failure& failure) {
    fmt::print(messages, "mprun: {}\n", failure.text);
    std::fflush(messages);
  };
  options.last_resort = [](const Failure& failure) { _exit(failure.exit_code); };
  return options;
}

// Null where they did not meet: told by rank 0, or by rank 1 where it has not been reached.
std::unique_ptr<runtime::RankGroup> meet(RankStart& start, const RankFlags& flags, int generation) {
  try {
    return std::make_unique<runtime::RankGroup>(options_of(start, flags, generation));
  } catch (const RunError& error) {
    if (start.place.rank <= 1) fmt::print(stderr, "mprun: {}\n", error.what());
    return nullptr;
  }
}

ExitCode run(RankRun& ranks, const RankAction& action) {
  try {
    const ExitCode code = action(&ranks);
    ranks.group().leave();
    return code;
  } catch (const runtime::Aborted&) {  // another rank's failure, or this one's, told already
  } catch (...) {
    const auto [code, text] = describe_exception();
    if (ranks.has_agreed()) {
      ranks.group().fail(code_of(code), text);
    } else {
      ranks.disagree(code, text);
    }
  }
  const std::optional<Failure> failure = ranks.group().failure();
  return failure ? static_cast<ExitCode>(failure->exit_code) : ExitCode::kRunFailed;
}

}  // namespace

void RankRun::settle(const std::string& own) {
  const std::vector<std::string> texts = group_.gather(own);
  if (group_.is_first()) {
    std::vector<Report> reports;
    for (const std::string& text : texts) reports.push_back(from_text(text));
    const Verdict verdict = judge(group_, reports);
    if (verdict.exit_code != 0) {
      group_.fail(verdict.exit_code, verdict.text, runtime::RankGroup::Whose::kEverybodys);
      throw runtime::Aborted();
    }
  }
  static_cast<void>(group_.any(false));
}

void RankRun::agree(const Program& program, const Metadata& settings, const BackendFlags& backend) {
  group_.share_devices(program.devices.size());
  Report report{.exit_code = 0, .text = "", .fields = {{"the command line", command_line()}}};
  if (backend.nccl) report.fields.emplace_back(kNccl, runtime::nccl_version());
  for (const auto& [name, value] : settings) report.fields.emplace_back(name, value);
  report.fields.emplace_back("the program with digest", digest_of(program));
  has_agreed_ = true;
  settle(to_text(report));
}

void RankRun::disagree(ExitCode code, const std::string& text) {
  try {
    has_agreed_ = true;
    settle(to_text(Report{.exit_code = code_of(code), .text = text, .fields = {}}));
  } catch (const runtime::Aborted&) {
    return;  // as it must be
  }
}

ExitCode run_on_ranks(std::optional<RankStart>& start, const RankFlags& flags, int generation,
                      const RankAction& action) {
  if (!start) return action(nullptr);
  watch_for_interrupts();
  const std::unique_ptr<runtime::RankGroup> group = meet(*start, flags, generation);
  if (!group) return ExitCode::kRunFailed;
  if (!group->is_first()) fall_silent();
  RankRun ranks(*group);
  const ExitCode code = run(ranks, action);
  if (start->mpi && !group->failure()) start->mpi->finish();
  return code;
}

}  // namespace mp::apps
