// Recurrent language models: Zaremba et al., "Recurrent neural network regularization", 2014; Merity et al.,
// "Regularizing and optimizing LSTM language models", ICLR 2018.
#pragma once

#include <cstdint>
#include <string>

#include "lib/graph/model.hpp"

namespace mp::models {

// An embedding, LSTM layers one on the other, a linear layer. Every window of the text begins with empty states.
struct LstmOptions {
  std::string name = "lstm";
  std::int64_t layers = 2;
  std::int64_t hidden = 128;      // also the width of the embedding
  std::int64_t vocabulary = 256;  // 256: bytes
  std::int64_t context = 64;      // tokens
  std::int64_t batch = 32;        // sequences a step, unless bound otherwise
  double dropout = 0.0;           // between the layers, [0, 1)
};

// Throws UsageError for options that make no model.
[[nodiscard]] Model build_lstm(const LstmOptions& options);

}  // namespace mp::models
