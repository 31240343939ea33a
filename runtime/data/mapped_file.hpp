// A file mapped read-only into memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace mp::runtime {

// Copies share the mapping. The bytes are those of the file when it was opened; the file must not be cut while in use.
class MappedFile {
 public:
  // Throws InputError where the path is missing, unreadable or no regular file.
  explicit MappedFile(const std::string& path);
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return bytes_; }

 private:
  std::shared_ptr<const void> mapping_;
  std::span<const std::uint8_t> bytes_;
};

}  // namespace mp::runtime
