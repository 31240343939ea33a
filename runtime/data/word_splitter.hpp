// GPT-2's words: the pieces of a text that byte pair encoding never merges across.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

namespace mp::runtime {

class WordSplitter {
 public:
  WordSplitter();
  ~WordSplitter();

  // Tells the words of `text` in order; joined, they are the text. A run of bytes that are no UTF-8 is a word.
  void split(std::string_view text, const std::function<void(std::string_view)>& word) const;

 private:
  struct Pattern;
  std::unique_ptr<Pattern> pattern_;
};

}  // namespace mp::runtime
