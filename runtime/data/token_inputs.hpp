// Inputs of tokens: windows of one text.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "runtime/data/input_opening.hpp"
#include "runtime/data/text.hpp"

namespace mp::runtime {

class TokenInputs {
 public:
  TokenInputs(const Graph& graph, const DataOptions& options, TrainingData& data)
      : graph_(graph), options_(options), data_(data) {}

  // `shift` tokens on (1: the next tokens). Opens the text at the first call. Throws InputError.
  [[nodiscard]] FeedPair open(const GraphInput& input, std::int64_t shift);

 private:
  [[nodiscard]] Text find_text(const GraphInput& input) const;
  void open_text(const GraphInput& input);
  void count_tokens(const GraphInput& input);

  const Graph& graph_;
  const DataOptions& options_;
  TrainingData& data_;
  std::shared_ptr<const Text> text_;
  std::int64_t context_ = 0;  // of every input of tokens
  std::optional<std::int64_t> counted_below_;
  std::shared_ptr<const TextWindows> training_windows_;
  std::shared_ptr<const TextWindows> held_out_windows_;
};

}  // namespace mp::runtime
