#include "lib/files/safetensors.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/files/json.hpp"
#include "lib/files/json_writer.hpp"

namespace mp {
namespace {

constexpr std::int64_t kLengthBytes = 8;
constexpr std::int64_t kMaxHeaderBytes = 100'000'000;  // the format's limit
constexpr std::string_view kMetadataKey = "__metadata__";
constexpr std::string_view kChecksumKey = "checksum";
constexpr std::string_view kChecksumKind = "xxh64:";
constexpr std::string_view kNoChecksumYet = "xxh64:0000000000000000";

struct ElementType {
  std::string_view dtype;
  std::int64_t size_bytes;
  std::optional<DataType> type;
};

constexpr std::array<ElementType, 15> kElementTypes = {{{"F32", 4, DataType::kFloat32},
                                                        {"BF16", 2, DataType::kBfloat16},
                                                        {"I64", 8, DataType::kInt64},
                                                        {"BOOL", 1, DataType::kBool},
                                                        {"F64", 8, std::nullopt},
                                                        {"F16", 2, std::nullopt},
                                                        {"I32", 4, std::nullopt},
                                                        {"I16", 2, std::nullopt},
                                                        {"I8", 1, std::nullopt},
                                                        {"U64", 8, std::nullopt},
                                                        {"U32", 4, std::nullopt},
                                                        {"U16", 2, std::nullopt},
                                                        {"U8", 1, std::nullopt},
                                                        {"F8_E4M3", 1, std::nullopt},
                                                        {"F8_E5M2", 1, std::nullopt}}};

const ElementType* find_element_type(std::string_view dtype) {
  const auto* found =
      std::find_if(kElementTypes.begin(), kElementTypes.end(), [&](const ElementType& t) { return t.dtype == dtype; });
  return found == kElementTypes.end() ? nullptr : found;
}

std::string_view dtype_of(DataType type) {
  const auto* found =
      std::find_if(kElementTypes.begin(), kElementTypes.end(), [&](const ElementType& t) { return t.type == type; });
  MP_CHECK(found != kElementTypes.end());
  return found->dtype;
}

std::string reason(int error_number) { return std::generic_category().message(error_number); }

StoredTensor read_entry(std::string_view name, JsonValue value) {
  const JsonObject fields = value.object({"dtype", "shape", "data_offsets"});
  StoredTensor tensor{.name = std::string(name),
                      .dtype = fields.require("dtype").string(),
                      .type = std::nullopt,
                      .shape = fields.require("shape").integers(0)};
  const std::vector<std::int64_t> offsets = fields.require("data_offsets").integers(0);
  if (offsets.size() != 2 || offsets[1] < offsets[0]) {
    fields["data_offsets"].issue("two numbers, begin and end, are expected");
    return tensor;
  }
  tensor.offset_bytes = offsets[0];
  tensor.size_bytes = offsets[1] - offsets[0];
  const ElementType* element = find_element_type(tensor.dtype);
  if (element == nullptr) {
    fields["dtype"].issue("unknown element type " + quoted(tensor.dtype));
    return tensor;
  }
  tensor.type = element->type;
  const std::optional<std::int64_t> count = checked_elements(tensor.shape);
  if (!count || *count > std::numeric_limits<std::int64_t>::max() / element->size_bytes ||
      *count * element->size_bytes != tensor.size_bytes) {
    value.issue(fmt::format("{}{} is not {} bytes", tensor.dtype, to_string(tensor.shape), tensor.size_bytes));
  }
  return tensor;
}

void check_layout(std::vector<StoredTensor>& tensors, std::int64_t data_bytes, const std::string& path) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const StoredTensor& a, const StoredTensor& b) {
    return std::pair(a.offset_bytes, a.size_bytes) < std::pair(b.offset_bytes, b.size_bytes);
  });
  std::int64_t end = 0;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.offset_bytes != end) {
      throw InputError(path,
                       Issue{"/" + pointer_part(tensor.name) + "/data_offsets",
                             fmt::format("begins at {}, but the tensor before ends at {}", tensor.offset_bytes, end)});
    }
    end += tensor.size_bytes;
  }
  if (end != data_bytes) {
    throw InputError(
        path, Issue{"", fmt::format("the header describes {} bytes of tensors; the file has {}: {}", end, data_bytes,
                                    data_bytes < end ? "it is cut off" : "bytes are left over")});
  }
}

std::string header_of(const std::vector<TensorToStore>& tensors, const Metadata& metadata) {
  JsonWriter writer;
  writer.begin_object(JsonWriter::Layout::kInline).key(kMetadataKey).begin_object();
  writer.member(kChecksumKey, kNoChecksumYet);
  for (const auto& [key, value] : metadata) writer.member(key, value);
  writer.end();
  std::int64_t offset = 0;
  for (const TensorToStore& tensor : tensors) {
    const std::int64_t end = offset + bytes(tensor.type);
    writer.key(tensor.name).begin_object().member("dtype", dtype_of(tensor.type.type));
    writer.key("shape").values(tensor.type.shape);
    writer.key("data_offsets").values(std::vector<std::int64_t>{offset, end}).end();
    offset = end;
  }
  writer.end();
  std::string header = std::move(writer).take();
  header.back() = ' ';  // its newline; spaces pad the header so that the tensors are aligned
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return header;
}

}  // namespace

SafetensorsFile::SafetensorsFile(std::string path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) throw InputError(path_, Issue{"", "cannot open: " + reason(errno)});
  try {
    read_header();
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      data_offset_(other.data_offset_),
      data_bytes_(other.data_bytes_),
      tensors_(std::move(other.tensors_)),
      by_name_(std::move(other.by_name_)),
      metadata_(std::move(other.metadata_)),
      checksum_(std::move(other.checksum_)) {}

SafetensorsFile::~SafetensorsFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void SafetensorsFile::read_header() {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) throw InputError(path_, Issue{"", "cannot read: " + reason(errno)});
  if (!S_ISREG(status.st_mode)) throw InputError(path_, Issue{"", "is not a regular file"});
  if (status.st_size < kLengthBytes) throw InputError(path_, Issue{"", "too short for a safetensors file"});
  std::array<std::byte, kLengthBytes> length_bytes{};
  read_at(0, length_bytes);
  std::uint64_t length = 0;
  std::memcpy(&length, length_bytes.data(), sizeof length);
  if (length > static_cast<std::uint64_t>(std::min<std::int64_t>(kMaxHeaderBytes, status.st_size - kLengthBytes))) {
    throw InputError(
        path_, Issue{"", fmt::format("not a safetensors file, or cut off: its header would have {} bytes", length)});
  }
  std::string header(static_cast<std::size_t>(length), '\0');
  read_at(kLengthBytes, std::as_writable_bytes(std::span(header)));
  data_offset_ = kLengthBytes + static_cast<std::int64_t>(length);
  data_bytes_ = status.st_size - data_offset_;
  parse_header(header);
  check_layout(tensors_, data_bytes_, path_);
  for (std::size_t i = 0; i < tensors_.size(); ++i) by_name_.emplace(tensors_[i].name, i);
}

void SafetensorsFile::parse_header(std::string_view header) {
  JsonDocument document(header, path_);
  for (const auto& [name, value] : document.root().members()) {
    if (name != kMetadataKey) {
      tensors_.push_back(read_entry(name, value));
      continue;
    }
    for (const auto& [key, text] : value.members()) metadata_[std::string(key)] = text.string();
  }
  document.finish();
  // A checksum of another kind is somebody else's, like all other metadata.
  const auto checksum = metadata_.find(kChecksumKey);
  if (checksum == metadata_.end() || !checksum->second.starts_with(kChecksumKind)) return;
  checksum_ = checksum->second;
  metadata_.erase(checksum);
}

const StoredTensor* SafetensorsFile::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

void SafetensorsFile::read_at(std::int64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::pread(descriptor_, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw InputError(path_, Issue{"", "cannot read: " + reason(errno)});
    if (count == 0) throw InputError(path_, Issue{"", "became shorter while it was read"});
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += count;
  }
}

void SafetensorsFile::read(const StoredTensor& tensor, std::int64_t first, std::span<std::byte> bytes) const {
  MP_CHECK(first >= 0 && static_cast<std::int64_t>(bytes.size()) <= tensor.size_bytes - first);
  read_at(data_offset_ + tensor.offset_bytes + first, bytes);
}

void SafetensorsFile::verify() const {
  if (!has_checksum()) return;
  constexpr std::int64_t kChunkBytes = std::int64_t{1} << 20;
  std::vector<std::byte> chunk(static_cast<std::size_t>(std::min(kChunkBytes, data_bytes_)));
  Xxh64 hash;
  for (std::int64_t at = 0; at < data_bytes_; at += kChunkBytes) {
    const std::span<std::byte> part(chunk.data(), static_cast<std::size_t>(std::min(kChunkBytes, data_bytes_ - at)));
    read_at(data_offset_ + at, part);
    hash.update(part);
  }
  const std::string found = std::string(kChecksumKind) + hash.hex();
  if (found == checksum_) return;
  throw InputError(
      path_, Issue{"", fmt::format("damaged: the checksum of its tensors is {}, but should be {}", found, checksum_)});
}

SafetensorsWriter::SafetensorsWriter(const std::string& path, const std::vector<TensorToStore>& tensors,
                                     const Metadata& metadata)
    : file_(path) {
  MP_CHECK(!metadata.contains(kChecksumKey));
  const std::string header = header_of(tensors, metadata);
  for (const TensorToStore& tensor : tensors) missing_bytes_ += bytes(tensor.type);
  checksum_offset_ = kLengthBytes + static_cast<std::int64_t>(header.find(kNoChecksumYet));
  const std::uint64_t length = header.size();
  file_.write(std::as_bytes(std::span(&length, 1)));
  file_.write(header);
}

void SafetensorsWriter::write(std::span<const std::byte> bytes) {
  missing_bytes_ -= static_cast<std::int64_t>(bytes.size());
  MP_CHECK(missing_bytes_ >= 0);
  checksum_.update(bytes);
  file_.write(bytes);
}

void SafetensorsWriter::commit() {
  MP_CHECK(missing_bytes_ == 0);
  file_.write_at(checksum_offset_, std::string(kChecksumKind) + checksum_.hex());
  file_.commit();
}

}  // namespace mp
