#include "runtime/data/image_folder.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "lib/base/error.hpp"
#include "runtime/data/image_file.hpp"

namespace mp::runtime {
namespace {

namespace fs = std::filesystem;

bool is_picture(const fs::path& path) {
  constexpr std::array<std::string_view, 5> kEndings = {".png", ".jpg", ".jpeg", ".ppm", ".pgm"};
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

[[noreturn]] void fail(const std::string& path, const std::string& message) {
  throw InputError(path, Issue{"", message});
}

std::vector<std::string> subfolders_of(const std::string& path) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (it->is_directory()) found.push_back(it->path().filename().string());
  }
  if (error) fail(path, error.message());
  if (found.empty()) fail(path, "has no subfolder; a folder of pictures has one for each class");
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> pictures_below(const std::string& path) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::recursive_directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (is_picture(it->path())) found.push_back(it->path().string());
  }
  if (error) fail(path, error.message());
  if (found.empty()) fail(path, "has no picture (*.png, *.jpg, *.jpeg, *.ppm, *.pgm)");
  std::sort(found.begin(), found.end());
  return found;
}

class ImageSamples final : public Samples<float> {
 public:
  ImageSamples(const ImageFolder& folder, const ImageShape& shape, const Normalisation& normalisation,
               std::size_t most_decoded_bytes)
      : files_(folder.files), shape_(shape), normalisation_(normalisation) {
    const std::size_t size = shape.channels * shape.height * shape.width;
    if (files_.size() > most_decoded_bytes / size) return;
    decoded_.reserve(files_.size() * size);
    for (const std::string& file : files_) {
      const Image image = read(file);
      decoded_.insert(decoded_.end(), image.pixels.begin(), image.pixels.end());
    }
  }
  [[nodiscard]] std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  [[nodiscard]] std::int64_t elements() const override {
    return static_cast<std::int64_t>(shape_.channels * shape_.height * shape_.width);
  }
  void copy(std::int64_t sample, std::span<float> values) const override {
    const auto number = static_cast<std::size_t>(sample);
    if (decoded_.empty()) return spread(read(files_[number]).pixels, values);
    spread(std::span(decoded_).subspan(number * values.size(), values.size()), values);
  }

 private:
  [[nodiscard]] Image read(const std::string& file) const {
    return fitted(read_image(file, shape_.channels), shape_.width, shape_.height);
  }
  // Pixel after pixel → channel after channel.
  void spread(std::span<const std::uint8_t> pixels, std::span<float> values) const {
    const std::size_t plane = shape_.height * shape_.width;
    for (std::size_t c = 0; c < shape_.channels; ++c) {
      const double mean = of_channel(normalisation_.mean, c, 0.0);
      const double factor = 1.0 / of_channel(normalisation_.std, c, 1.0);
      for (std::size_t i = 0; i < plane; ++i) {
        values[c * plane + i] = static_cast<float>((pixels[i * shape_.channels + c] / 255.0 - mean) * factor);
      }
    }
  }
  static double of_channel(const std::vector<double>& values, std::size_t channel, double none) {
    return values.empty() ? none : values[values.size() == 1 ? 0 : channel];
  }

  std::vector<std::string> files_;
  ImageShape shape_;
  Normalisation normalisation_;
  std::vector<std::uint8_t> decoded_;  // all of them, or none
};

}  // namespace

ImageFolder open_image_folder(const std::string& path) {
  ImageFolder folder{.path = path, .classes = subfolders_of(path), .files = {}, .labels = {}};
  for (std::size_t c = 0; c < folder.classes.size(); ++c) {
    std::vector<std::string> files = pictures_below((fs::path(path) / folder.classes[c]).string());
    folder.labels.insert(folder.labels.end(), files.size(), static_cast<std::int64_t>(c));
    std::move(files.begin(), files.end(), std::back_inserter(folder.files));
  }
  return folder;
}

std::optional<ImageShape> image_shape_of(const TensorType& input) {
  const Shape& shape = input.shape;
  const auto extent = [&](std::size_t axis) { return static_cast<std::size_t>(shape[axis]); };
  if (shape.size() == 4 && (shape[1] == 1 || shape[1] == 3) && elements(shape) > 0) {
    return ImageShape{extent(1), extent(2), extent(3)};
  }
  if (shape.size() != 2) return std::nullopt;
  for (const std::size_t channels : {1U, 3U}) {
    const auto side = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(extent(1) / channels))));
    if (side > 0 && side * side * channels == extent(1)) return ImageShape{channels, side, side};
  }
  return std::nullopt;
}

std::unique_ptr<Samples<float>> make_image_samples(const ImageFolder& folder, const ImageShape& shape,
                                                   const Normalisation& normalisation, std::size_t most_decoded_bytes) {
  return std::make_unique<ImageSamples>(folder, shape, normalisation, most_decoded_bytes);
}

}  // namespace mp::runtime
