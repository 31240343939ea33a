#include "apps/mprun/text_output.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "lib/base/error.hpp"

namespace mp::apps {

// Without a buffer nothing is left to be written, and to fail once more, at the end of the program.
TextOutput::TextOutput() {
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  std::signal(SIGPIPE, SIG_IGN);
}

void TextOutput::print(std::string_view text) {
  if (!has_reader_ || std::fwrite(text.data(), 1, text.size(), stdout) == text.size()) return;
  const int reason = errno;
  std::clearerr(stdout);
  has_reader_ = false;
  if (reason != EPIPE) throw RunError(fmt::format("cannot write to standard output: {}", std::strerror(reason)));
}

}  // namespace mp::apps
