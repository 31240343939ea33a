// Decoder-only transformers in the manner of GPT-2 (Radford et al., "Language models are unsupervised multitask
// learners", 2019): layer normalisation before each part, learned positions, tanh GELU, the embedding shared with the
// logits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/graph/model.hpp"

namespace mp::models {

// The fields are the flags of `mpplan generate gpt`.
struct GptOptions {
  std::string name = "gpt";
  std::int64_t layers = 4;
  std::int64_t hidden = 128;
  std::int64_t heads = 4;         // divides hidden
  std::int64_t feed_forward = 0;  // width of the inner layer; 0: 4 × hidden
  std::int64_t vocabulary = 256;  // 256: bytes
  std::int64_t context = 128;     // tokens
  std::int64_t batch = 16;        // sequences a step, unless bound otherwise
  double dropout = 0.0;           // share of the residual branches' values dropped, [0, 1)
};

// The published sizes: GPT-2 (Radford et al. 2019; the sizes of the released weights) and GPT-3 (Brown et al.,
// "Language models are few-shot learners", NeurIPS 2020, table 2.1; the batch is theirs in tokens, rounded to whole
// sequences). The name is the preset's.
[[nodiscard]] std::optional<GptOptions> gpt_preset(std::string_view name);
[[nodiscard]] std::vector<std::string_view> gpt_preset_names();

// Throws UsageError for options that make no model.
[[nodiscard]] Model build_gpt(const GptOptions& options);

}  // namespace mp::models
