#include <array>

#include "runtime/data/vocabulary.hpp"

namespace mp::runtime {
namespace {

class ByteVocabulary final : public Vocabulary {
 public:
  ByteVocabulary() {
    for (std::size_t byte = 0; byte < bytes_.size(); ++byte) bytes_[byte] = static_cast<char>(byte);
  }
  [[nodiscard]] std::vector<std::int64_t> encode(std::string_view text) const override {
    std::vector<std::int64_t> tokens;
    tokens.reserve(text.size());
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
    return tokens;
  }
  [[nodiscard]] std::string_view decode(std::int64_t token) const override {
    return {&bytes_[static_cast<std::size_t>(token)], 1};
  }
  [[nodiscard]] std::int64_t size() const override { return static_cast<std::int64_t>(bytes_.size()); }

 private:
  std::array<char, 256> bytes_{};
};

}  // namespace

std::unique_ptr<Vocabulary> make_byte_vocabulary() { return std::make_unique<ByteVocabulary>(); }

}  // namespace mp::runtime
