#include "runtime/tensorboard.hpp"

#include <fmt/core.h>

#include <bit>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/crc32c.hpp"
#include "lib/onnx/wire.hpp"

namespace mp::runtime {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kChecksumBytes = 4;

template <class Unsigned>
void append_little_endian(std::string& bytes, Unsigned value) {
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xffU);
}

template <class Unsigned>
Unsigned little_endian(std::string_view bytes) {
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
    value |= static_cast<Unsigned>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return value;
}

// A checksum of bytes that hold checksums: rotated and shifted, as TFRecord files have it.
std::uint32_t masked_checksum(std::string_view bytes) {
  constexpr std::uint32_t kDelta = 0xa282ead8U;
  return std::rotr(crc32c(bytes), 15) + kDelta;
}

std::string framed(std::string_view event) {
  std::string record;
  append_little_endian(record, std::uint64_t{event.size()});
  append_little_endian(record, masked_checksum(record));
  record += event;
  append_little_endian(record, masked_checksum(event));
  return record;
}

// Protocol buffers: fields of a message, each behind its number and type.
void append_varint(std::string& message, std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U) message += static_cast<char>((value & 0x7fU) | 0x80U);
  message += static_cast<char>(value);
}

void append_key(std::string& message, unsigned field, onnx::WireType type) {
  append_varint(message, (field << 3U) | static_cast<unsigned>(type));
}

void append_bytes(std::string& message, unsigned field, std::string_view bytes) {
  append_key(message, field, onnx::WireType::kBytes);
  append_varint(message, bytes.size());
  message += bytes;
}

// Event: 1 wall_time (double), 2 step (int64), 3 file_version (string), 5 summary (message)
std::string event_at(double wall_time_s) {
  std::string event;
  append_key(event, 1, onnx::WireType::kFixed64);
  append_little_endian(event, std::bit_cast<std::uint64_t>(wall_time_s));
  return event;
}

// The event of the record at `position`; none where the record is cut off or altered.
std::optional<std::string_view> event_in(std::string_view file, std::size_t position) {
  const std::string_view rest = file.substr(position);
  if (rest.size() < kLengthBytes + 2 * kChecksumBytes) return std::nullopt;
  const std::string_view length = rest.substr(0, kLengthBytes);
  const auto size = little_endian<std::uint64_t>(length);
  const std::string_view behind = rest.substr(kLengthBytes + kChecksumBytes);
  if (size > behind.size() - kChecksumBytes) return std::nullopt;
  const std::string_view event = behind.substr(0, size);
  const bool is_whole = little_endian<std::uint32_t>(rest.substr(kLengthBytes)) == masked_checksum(length) &&
                        little_endian<std::uint32_t>(behind.substr(size)) == masked_checksum(event);
  return is_whole ? std::optional(event) : std::nullopt;
}

// Nothing where it is no event.
std::optional<std::int64_t> step_of(std::string_view event) {
  constexpr std::uint32_t kStepField = 2;
  std::int64_t step = 0;
  try {
    onnx::WireReader reader(event);
    for (onnx::WireField field; reader.next(field);) {
      if (field.number == kStepField) step = field.integer();
    }
  } catch (const onnx::WireError&) {
    return std::nullopt;
  }
  return step;
}

double now_s() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

// Cuts the file behind the step and returns how to open it.
LineFile::Start prepare(const std::string& path, std::int64_t steps_done) {
  if (steps_done == 0 || !std::filesystem::exists(path)) return LineFile::Start::kEmpty;
  constexpr std::int64_t kMaxBytes = std::int64_t{1} << 40;
  const std::string text = read_file(path, kMaxBytes);
  const std::size_t kept = records_until(text, steps_done);
  if (kept == 0) return LineFile::Start::kEmpty;
  if (kept < text.size()) write_file_atomically(path, std::string_view(text).substr(0, kept));
  return LineFile::Start::kAppend;
}

std::string path_in(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw RunError(fmt::format("cannot make the folder '{}': {}", folder, error.message()));
  return (std::filesystem::path(folder) / "events.out.tfevents.mprun").string();
}

}  // namespace

std::string first_record(double wall_time_s) {
  std::string event = event_at(wall_time_s);
  append_bytes(event, 3, "brain.Event:2");
  return framed(event);
}

// Summary: 1 value (repeated message); Value: 1 tag (string), 2 simple_value (float)
std::string scalar_record(double wall_time_s, std::int64_t step, std::span<const Scalar> scalars) {
  std::string summary;
  for (const Scalar& scalar : scalars) {
    std::string value;
    append_bytes(value, 1, scalar.tag);
    append_key(value, 2, onnx::WireType::kFixed32);
    append_little_endian(value, std::bit_cast<std::uint32_t>(static_cast<float>(scalar.value)));
    append_bytes(summary, 1, value);
  }
  std::string event = event_at(wall_time_s);
  append_key(event, 2, onnx::WireType::kVarint);
  append_varint(event, static_cast<std::uint64_t>(step));
  append_bytes(event, 5, summary);
  return framed(event);
}

std::size_t records_until(std::string_view file, std::int64_t step) {
  std::size_t end = 0;
  while (true) {
    const std::optional<std::string_view> event = event_in(file, end);
    const std::optional<std::int64_t> at = event ? step_of(*event) : std::nullopt;
    if (!at || *at > step) return end;
    end += kLengthBytes + 2 * kChecksumBytes + event->size();
  }
}

EventFile::EventFile(const std::string& folder, std::int64_t steps_done) {
  const std::string path = path_in(folder);
  const LineFile::Start start = prepare(path, steps_done);
  file_.emplace(path, start);
  if (start == LineFile::Start::kEmpty) file_->write(first_record(now_s()));
}

void EventFile::write(std::int64_t step, std::span<const Scalar> scalars) {
  file_->write(scalar_record(now_s(), step, scalars));
}

}  // namespace mp::runtime
