// What a training run has written down: metrics files as `mprun train --metrics` writes them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mp {

// One figure of a run, at the steps that have it.
struct RunSeries {
  std::string name;  // as the file has it: "loss", "validation_loss" …
  std::vector<std::int64_t> steps;
  std::vector<double> values;
  friend bool operator==(const RunSeries&, const RunSeries&) = default;
};

inline constexpr std::array<std::string_view, 7> kRunSeries = {
    "loss",          "validation_loss", "validation_accuracy", "validation_perplexity",
    "learning_rate", "gradient_norm",   "samples_per_s"};

struct RunHistory {
  std::string name;               // the file's
  std::vector<RunSeries> series;  // beside kRunSeries; without steps where the run has none
  [[nodiscard]] const RunSeries& find(std::string_view name) const;  // one of kRunSeries
};

// JSON lines, or CSV where `source` ends in ".csv". The last line may be cut off (the run goes on), and steps may come
// twice (it was resumed): the later one counts. What is no finite number is left out. Throws InputError naming the line
// that is none of these, or a file without any step.
[[nodiscard]] RunHistory parse_run(std::string_view text, const std::string& source);
[[nodiscard]] RunHistory read_run(const std::string& path);

}  // namespace mp
