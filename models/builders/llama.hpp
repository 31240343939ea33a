// Decoder-only transformers in the manner of LLaMA (Touvron et al., "LLaMA: Open and efficient foundation language
// models", 2023): RMS normalisation before each part, rotary positions, grouped key/value heads (Ainslie et al., EMNLP
// 2023), SwiGLU (Shazeer, 2020), no biases.
#pragma once

#include <cstdint>
#include <string>

#include "lib/graph/model.hpp"

namespace mp::models {

// The fields are the flags of `mpplan generate llama`.
struct LlamaOptions {
  std::string name = "llama";
  std::int64_t layers = 4;
  std::int64_t hidden = 128;
  std::int64_t heads = 4;            // divides hidden into heads of even size
  std::int64_t key_value_heads = 2;  // divides heads
  std::int64_t feed_forward = 0;     // width of the inner layer; 0: 8/3 × hidden, rounded up to a multiple of 32
  std::int64_t vocabulary = 256;     // 256: bytes
  std::int64_t context = 128;        // tokens
  std::int64_t batch = 16;           // sequences a step, unless bound otherwise
};

// Throws UsageError for options that make no model.
[[nodiscard]] Model build_llama(const LlamaOptions& options);

}  // namespace mp::models
