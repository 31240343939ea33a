// Pictures in files: PNG, JPEG, and the plain formats PPM and PGM.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mp::runtime {

// Rows from the top, pixels from the left, 1 (grey) or 3 (red, green, blue) bytes each.
struct Image {
  std::size_t width = 0;
  std::size_t height = 0;
  std::size_t channels = 1;
  std::vector<std::uint8_t> pixels;
};

inline constexpr std::size_t kMostPixels = std::size_t{1} << 27;

// Turns colours into grey or grey into colours where the file has the other; transparency shows black. Throws
// InputError naming the file: unreadable, empty, cut off, of another kind, or of more than kMostPixels.
[[nodiscard]] Image read_image(const std::string& path, std::size_t channels);

// Decoders of one format each: `bytes` begins with its mark. Throw InputError.
[[nodiscard]] Image read_png(std::span<const std::uint8_t> bytes, std::size_t channels, const std::string& path);
[[nodiscard]] Image read_jpeg(std::span<const std::uint8_t> bytes, std::size_t channels, const std::string& path);
[[nodiscard]] Image read_netpbm(std::span<const std::uint8_t> bytes, std::size_t channels, const std::string& path);

// Throws InputError unless 1 ≤ width · height ≤ kMostPixels.
void check_image_size(std::size_t width, std::size_t height, const std::string& path);

// The largest part of the image's middle that has the shape width : height, scaled to it: each pixel is the mean of
// what it covers, weighted with a triangle of at least one pixel to either side (bilinear, smoothed when made smaller),
// rounded.
[[nodiscard]] Image fitted(const Image& image, std::size_t width, std::size_t height);

}  // namespace mp::runtime
