#include "tests/support/source_dir.hpp"

namespace mp::test {

std::string source_dir() { return MP_SOURCE_DIR; }

}  // namespace mp::test
