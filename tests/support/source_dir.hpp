// Where the project's source is, for tests that read its files: no test depends on the working directory.
#pragma once

#include <string>

namespace mp::test {

// Without a slash at the end. One object file knows the place: all others are the same wherever they are compiled.
[[nodiscard]] std::string source_dir();

}  // namespace mp::test
