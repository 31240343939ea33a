// "P5" (grey) or "P6" (colours), then width, height and largest value in text, one white space, the pixels:
// https://netpbm.sourceforge.net/doc/ppm.html
#include <fmt/core.h>

#include <algorithm>

#include "lib/base/error.hpp"
#include "runtime/data/image_file.hpp"

namespace mp::runtime {
namespace {

bool is_space(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

class Header {
 public:
  Header(std::span<const std::uint8_t> bytes, const std::string& path) : rest_(bytes.subspan(2)), path_(path) {}

  std::size_t number() {
    while (!rest_.empty() && (is_space(rest_.front()) || rest_.front() == '#')) {
      if (rest_.front() == '#') {
        while (!rest_.empty() && rest_.front() != '\n') rest_ = rest_.subspan(1);
      } else {
        rest_ = rest_.subspan(1);
      }
    }
    std::size_t value = 0;
    std::size_t digits = 0;
    for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9' && digits < 10; ++digits) {
      value = 10 * value + (rest_.front() - std::size_t{'0'});
      rest_ = rest_.subspan(1);
    }
    if (digits == 0 || rest_.empty() || !is_space(rest_.front())) {
      throw InputError(path_, Issue{"", "has no readable PPM or PGM header"});
    }
    return value;
  }
  // After the last number's white space.
  [[nodiscard]] std::span<const std::uint8_t> pixels() const { return rest_.subspan(1); }

 private:
  std::span<const std::uint8_t> rest_;
  const std::string& path_;
};

// To the channels that are wanted; grey as ITU-R BT.601 has it.
std::vector<std::uint8_t> with_channels(std::span<const std::uint8_t> pixels, std::size_t from, std::size_t to) {
  if (from == to) return {pixels.begin(), pixels.end()};
  std::vector<std::uint8_t> result;
  result.reserve(pixels.size() / from * to);
  for (std::size_t i = 0; i < pixels.size(); i += from) {
    if (to == 3) {
      result.insert(result.end(), 3, pixels[i]);
    } else {
      const unsigned grey = 299U * pixels[i] + 587U * pixels[i + 1] + 114U * pixels[i + 2];
      result.push_back(static_cast<std::uint8_t>((grey + 500U) / 1000U));
    }
  }
  return result;
}

}  // namespace

Image read_netpbm(std::span<const std::uint8_t> bytes, std::size_t channels, const std::string& path) {
  const std::size_t own = bytes[1] == '5' ? 1 : 3;
  Header header(bytes, path);
  Image image{.width = header.number(), .height = header.number(), .channels = channels, .pixels = {}};
  const std::size_t largest = header.number();
  check_image_size(image.width, image.height, path);
  if (largest != 255) {
    throw InputError(path, Issue{"", fmt::format("has values up to {}; PPM and PGM with 255 are read", largest)});
  }
  const std::size_t size = image.width * image.height * own;
  if (header.pixels().size() < size) {
    throw InputError(
        path, Issue{"", fmt::format("is cut off: {} bytes of pixels, {} are wanted", header.pixels().size(), size)});
  }
  image.pixels = with_channels(header.pixels().first(size), own, channels);
  return image;
}

}  // namespace mp::runtime
