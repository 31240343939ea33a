#include "runtime/data/image_file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "lib/base/error.hpp"
#include "runtime/data/mapped_file.hpp"

namespace mp::runtime {
namespace {

bool starts_with(std::span<const std::uint8_t> bytes, std::initializer_list<std::uint8_t> mark) {
  return bytes.size() >= mark.size() && std::equal(mark.begin(), mark.end(), bytes.begin());
}

}  // namespace

void check_image_size(std::size_t width, std::size_t height, const std::string& path) {
  if (width > 0 && height > 0 && width <= kMostPixels && height <= kMostPixels / width) return;
  throw InputError(path, Issue{"", fmt::format("says it has {} × {} pixels; from 1 to {} are possible", width, height,
                                               kMostPixels)});
}

Image read_image(const std::string& path, std::size_t channels) {
  const MappedFile file(path);
  const std::span<const std::uint8_t> bytes = file.bytes();
  if (starts_with(bytes, {0x89, 'P', 'N', 'G'})) return read_png(bytes, channels, path);
  if (starts_with(bytes, {0xFF, 0xD8})) return read_jpeg(bytes, channels, path);
  if (starts_with(bytes, {'P', '5'}) || starts_with(bytes, {'P', '6'})) return read_netpbm(bytes, channels, path);
  throw InputError(path, Issue{"", bytes.empty() ? "is empty" : "is no PNG, JPEG, PPM or PGM picture"});
}

}  // namespace mp::runtime
