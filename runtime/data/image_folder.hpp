// A folder with a subfolder for each class, and pictures in them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/graph/types.hpp"
#include "runtime/data/samples.hpp"

namespace mp::runtime {

// Classes are numbered in the order of the subfolders' names; pictures (*.png, *.jpg, *.jpeg, *.ppm, *.pgm, below a
// subfolder at any depth) stand in the order of their paths.
struct ImageFolder {
  std::string path;
  std::vector<std::string> classes;
  std::vector<std::string> files;
  std::vector<std::int64_t> labels;  // beside files
};
// Throws InputError where there is no subfolder, or one without pictures.
[[nodiscard]] ImageFolder open_image_folder(const std::string& path);

struct ImageShape {
  std::size_t channels = 1;
  std::size_t height = 0;
  std::size_t width = 0;
};
// Of an input float32[N, C, H, W] with C 1 or 3, or of [N, H·W] or [N, 3·H·W] with square pictures.
[[nodiscard]] std::optional<ImageShape> image_shape_of(const TensorType& input);

// Each channel of the values in 0 … 1: minus `mean`, divided by `std` (one for each channel, one for all, or none).
struct Normalisation {
  std::vector<double> mean;
  std::vector<double> std;
};

// float32[C, H, W] samples, fitted() and normalised. Where all of them take up to kMostDecodedBytes as bytes, every
// picture is read at once, so that a broken one is found before training; else each when it is wanted: copy() then
// throws InputError.
inline constexpr std::size_t kMostDecodedBytes = std::size_t{1} << 30;
[[nodiscard]] std::unique_ptr<Samples<float>> make_image_samples(const ImageFolder& folder, const ImageShape& shape,
                                                                 const Normalisation& normalisation,
                                                                 std::size_t most_decoded_bytes = kMostDecodedBytes);

}  // namespace mp::runtime
