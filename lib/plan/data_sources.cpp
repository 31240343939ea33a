#include "lib/plan/data_sources.hpp"

namespace mp {

std::string_view name_of(TokenType type) {
  switch (type) {
    case TokenType::kUint16:
      return "uint16";
    case TokenType::kUint32:
      return "uint32";
  }
  return "";
}

}  // namespace mp
