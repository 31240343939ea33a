// What the tokens of a language model stand for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mp::runtime {

class Vocabulary {
 public:
  virtual ~Vocabulary() = default;
  [[nodiscard]] virtual std::vector<std::int64_t> encode(std::string_view text) const = 0;
  // The bytes of a token, 0 ≤ token < size(); one token alone need not be whole characters.
  [[nodiscard]] virtual std::string_view decode(std::int64_t token) const = 0;
  [[nodiscard]] virtual std::int64_t size() const = 0;
  // The token between documents, where there is one.
  [[nodiscard]] virtual std::optional<std::int64_t> end_of_text() const { return std::nullopt; }
};

// Every byte is the token of its number.
[[nodiscard]] std::unique_ptr<Vocabulary> make_byte_vocabulary();

}  // namespace mp::runtime
