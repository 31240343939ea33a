#include <fmt/core.h>
#include <turbojpeg.h>

#include <memory>
#include <type_traits>

#include "lib/base/error.hpp"
#include "runtime/data/image_file.hpp"

namespace mp::runtime {
namespace {

struct Destroy {
  void operator()(void* decoder) const { tjDestroy(decoder); }
};
using Decoder = std::unique_ptr<std::remove_pointer_t<tjhandle>, Destroy>;

}  // namespace

Image read_jpeg(std::span<const std::uint8_t> bytes, std::size_t channels, const std::string& path) {
  const Decoder decoder(tjInitDecompress());
  if (!decoder) throw RunError("libjpeg cannot be started");
  const auto check = [&](int failed) {  // a warning, say of a file cut off, counts, too
    if (failed != 0) {
      throw InputError(path, Issue{"", fmt::format("is a broken JPEG picture: {}", tjGetErrorStr2(decoder.get()))});
    }
  };
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colours = 0;
  check(tjDecompressHeader3(decoder.get(), bytes.data(), bytes.size(), &width, &height, &subsampling, &colours));
  Image image{.width = static_cast<std::size_t>(width),
              .height = static_cast<std::size_t>(height),
              .channels = channels,
              .pixels = {}};
  check_image_size(image.width, image.height, path);
  image.pixels.resize(image.width * image.height * channels);
  check(tjDecompress2(decoder.get(), bytes.data(), bytes.size(), image.pixels.data(), width, 0, height,
                      channels == 1 ? TJPF_GRAY : TJPF_RGB, TJFLAG_ACCURATEDCT));
  return image;
}

}  // namespace mp::runtime
