// Text to standard output as it comes into being.
#pragma once

#include <string_view>

namespace mp::apps {

// Every piece is written at once. A reader that goes away (head, a pager that is left) ends the text, and is no
// failure.
class TextOutput {
 public:
  TextOutput();
  // Throws RunError where it cannot be written.
  void print(std::string_view text);
  [[nodiscard]] bool has_reader() const { return has_reader_; }

 private:
  bool has_reader_ = true;
};

}  // namespace mp::apps
