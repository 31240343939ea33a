#include <fmt/core.h>
#include <png.h>

#include "lib/base/error.hpp"
#include "runtime/data/image_file.hpp"

namespace mp::runtime {
namespace {

// libpng's simplified interface; freed whatever happens.
class Png {
 public:
  Png() { image_.version = PNG_IMAGE_VERSION; }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;
  ~Png() { png_image_free(&image_); }
  [[nodiscard]] png_image* get() { return &image_; }

 private:
  png_image image_{};
};

}  // namespace

Image read_png(std::span<const std::uint8_t> bytes, std::size_t channels, const std::string& path) {
  Png png;
  const auto check = [&](int worked) {
    if (worked == 0 || PNG_IMAGE_FAILED(*png.get()) != 0) {
      throw InputError(path, Issue{"", fmt::format("is a broken PNG picture: {}", png.get()->message)});
    }
  };
  check(png_image_begin_read_from_memory(png.get(), bytes.data(), bytes.size()));
  check_image_size(png.get()->width, png.get()->height, path);
  png.get()->format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  Image image{.width = png.get()->width, .height = png.get()->height, .channels = channels, .pixels = {}};
  image.pixels.resize(image.width * image.height * channels);
  const png_color black{0, 0, 0};
  check(png_image_finish_read(png.get(), &black, image.pixels.data(), 0, nullptr));
  return image;
}

}  // namespace mp::runtime
