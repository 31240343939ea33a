// Weights in the safetensors format, which every other tool opens: tensors by name, little-endian, row-major.
//
// Ours carry a checksum of all tensors in their metadata ("checksum": "xxh64:<16 digits>"); files of others need none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/files/atomic_file.hpp"
#include "lib/files/xxh64.hpp"
#include "lib/graph/types.hpp"

namespace mp {

using Metadata = std::map<std::string, std::string, std::less<>>;

struct StoredTensor {
  std::string name;
  std::string dtype;             // as the file spells it: "F32", "F16", …
  std::optional<DataType> type;  // where we have it: F32, BF16, I64, BOOL
  Shape shape;
  std::int64_t offset_bytes = 0;  // from the first tensor
  std::int64_t size_bytes = 0;
  friend bool operator==(const StoredTensor&, const StoredTensor&) = default;
};

// A file whose header was checked: known element types, sizes that are those of the shapes, tensors that fill the file
// without holes or overlaps. Reading may be done from several threads.
class SafetensorsFile {
 public:
  // Throws InputError.
  explicit SafetensorsFile(std::string path);
  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;
  ~SafetensorsFile();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::vector<StoredTensor>& tensors() const { return tensors_; }  // in order of their offsets
  [[nodiscard]] const Metadata& metadata() const { return metadata_; }                 // without the checksum
  [[nodiscard]] const StoredTensor* find(std::string_view name) const;
  // Bytes of a tensor from `first` on; all of them must be there. Throws InputError when the file cannot be read.
  void read(const StoredTensor& tensor, std::int64_t first, std::span<std::byte> bytes) const;
  void read(const StoredTensor& tensor, std::span<std::byte> bytes) const { read(tensor, 0, bytes); }
  [[nodiscard]] bool has_checksum() const { return !checksum_.empty(); }
  // Reads everything once. Throws InputError when the checksum is not that of the tensors.
  void verify() const;

 private:
  void read_header();
  void parse_header(std::string_view header);
  void read_at(std::int64_t offset, std::span<std::byte> bytes) const;

  std::string path_;
  int descriptor_ = -1;
  std::int64_t data_offset_ = 0;
  std::int64_t data_bytes_ = 0;
  std::vector<StoredTensor> tensors_;
  std::map<std::string_view, std::size_t> by_name_;
  Metadata metadata_;
  std::string checksum_;
};

struct TensorToStore {
  std::string name;
  TensorType type;  // not opaque
};

// Writes a file piece by piece; without commit() nothing of it remains. Throws RunError naming path and reason.
class SafetensorsWriter {
 public:
  // Names must differ. `metadata` must not have "checksum".
  SafetensorsWriter(const std::string& path, const std::vector<TensorToStore>& tensors, const Metadata& metadata);

  // The bytes of the tensors, in the order given to the constructor, in pieces of any size.
  void write(std::span<const std::byte> bytes);
  // All bytes must have been written.
  void commit();

 private:
  AtomicFile file_;
  Xxh64 checksum_;
  std::int64_t checksum_offset_ = 0;
  std::int64_t missing_bytes_ = 0;
};

}  // namespace mp
