#include "tests/support/source_dir.hpp"

#include <cstdlib>

namespace mp::test {

// Tests that were built elsewhere are told where the sources are.
std::string source_dir() {
  const char* place = std::getenv("MP_TEST_SOURCE_DIR");
  return place != nullptr ? place : MP_SOURCE_DIR;
}

}  // namespace mp::test
