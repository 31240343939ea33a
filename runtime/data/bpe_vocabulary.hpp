// GPT-2's vocabulary: byte-level byte pair encoding.
#pragma once

#include <memory>
#include <string>

#include "runtime/data/vocabulary.hpp"

namespace mp::runtime {

// Sennrich et al., "Neural machine translation of rare words with subword units", ACL 2016, over bytes as in Radford et
// al., 2019: text is split into words by GPT-2's regular expression (contractions; letters, numbers or other signs,
// with the space before them; white space), and in each word the pair of neighbours that was merged first when the
// vocabulary was made is merged, until none is left. Bytes that are no UTF-8 are words of their own: every text comes
// back as it was.
//
// `folder` holds vocab.json and merges.txt, or encoder.json and vocab.bpe: the same two files under their older names.
// "<|endoftext|>" in a text is text; the token is end_of_text(). Throws InputError naming file and line where the files
// are not there or do not belong together.
[[nodiscard]] std::unique_ptr<Vocabulary> open_bpe_vocabulary(const std::string& folder);

}  // namespace mp::runtime
