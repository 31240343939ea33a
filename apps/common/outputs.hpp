// Where results will go.
#pragma once

#include <string>

namespace mp::apps {

// Throws RunError where no file can be written at `path`: its folder is not there or may not be written to. For long
// work, before it starts.
void check_writable(const std::string& path);

}  // namespace mp::apps
