// Transformer encoders: BERT over tokens, the Vision Transformer over patches of an image.
#pragma once

#include <cstdint>
#include <string>

#include "lib/graph/model.hpp"

namespace mp::models {

// Devlin et al., "BERT: Pre-training of deep bidirectional transformers", NAACL 2019: normalisation after each part,
// learned positions, GELU. Trained to give back tokens of which a share is hidden, chosen anew in every step; the loss
// is over all of them. One segment, no next-sentence task.
struct BertOptions {
  std::string name = "bert";
  std::int64_t layers = 4;
  std::int64_t hidden = 128;
  std::int64_t heads = 4;         // divides hidden
  std::int64_t feed_forward = 0;  // width of the inner layer; 0: 4 × hidden
  std::int64_t vocabulary = 256;  // 256: bytes
  std::int64_t context = 128;     // tokens
  std::int64_t batch = 16;        // sequences a step, unless bound otherwise
  double hidden_share = 0.15;     // of the tokens, [0, 1)
};
[[nodiscard]] Model build_bert(const BertOptions& options);

// Dosovitskiy et al., "An image is worth 16×16 words", ICLR 2021: a linear map of square patches, learned positions,
// normalisation before each part. The classifier reads the mean over the patches (Zhai et al., CVPR 2022).
struct VitOptions {
  std::string name = "vit";
  std::int64_t image = 8;     // height and width
  std::int64_t channels = 1;  // of the image
  std::int64_t patch = 2;     // height and width; divides image
  std::int64_t layers = 4;
  std::int64_t hidden = 64;
  std::int64_t heads = 4;         // divides hidden
  std::int64_t feed_forward = 0;  // width of the inner layer; 0: 4 × hidden
  std::int64_t classes = 10;
  std::int64_t batch = 64;
};
[[nodiscard]] Model build_vit(const VitOptions& options);

// Both throw UsageError for options that make no model.

}  // namespace mp::models
