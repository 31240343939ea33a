#include "lib/base/check.hpp"

#include <stdexcept>
#include <string>

namespace mp {

void check_failed(std::string_view expression, std::string_view file, int line) {
  throw std::logic_error("internal check failed: " + std::string(expression) + " at " + std::string(file) + ":" +
                         std::to_string(line) + " (please report this)");
}

}  // namespace mp
