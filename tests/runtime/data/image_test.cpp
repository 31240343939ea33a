#include <png.h>
#include <turbojpeg.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "runtime/data/image_file.hpp"
#include "runtime/data/image_folder.hpp"
#include "runtime/data/training_data.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;

namespace {

// Red grows to the right, green downwards, blue is 100.
Image gradient(std::size_t width, std::size_t height) {
  Image image{.width = width, .height = height, .channels = 3, .pixels = {}};
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      image.pixels.push_back(static_cast<std::uint8_t>(255 * x / (width - 1)));
      image.pixels.push_back(static_cast<std::uint8_t>(255 * y / (height - 1)));
      image.pixels.push_back(100);
    }
  }
  return image;
}

std::string png(const Image& image) {
  png_image writer{};
  writer.version = PNG_IMAGE_VERSION;
  writer.width = static_cast<png_uint_32>(image.width);
  writer.height = static_cast<png_uint_32>(image.height);
  writer.format = image.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  std::string bytes(100'000, '\0');
  png_alloc_size_t size = bytes.size();
  REQUIRE(png_image_write_to_memory(&writer, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr) != 0);
  bytes.resize(size);
  return bytes;
}

std::string jpeg(const Image& image) {
  const tjhandle compressor = tjInitCompress();
  unsigned char* bytes = nullptr;
  unsigned long size = 0;  // NOLINT: libjpeg's type
  REQUIRE(tjCompress2(compressor, image.pixels.data(), static_cast<int>(image.width), 0, static_cast<int>(image.height),
                      TJPF_RGB, &bytes, &size, TJSAMP_444, 95, 0) == 0);
  std::string result;
  for (std::size_t i = 0; i < size; ++i) result += static_cast<char>(bytes[i]);
  tjFree(bytes);
  tjDestroy(compressor);
  return result;
}

std::string ppm(const Image& image) {
  std::string bytes = (image.channels == 3 ? "P6\n# made by a test\n" : "P5 ") + std::to_string(image.width) + " " +
                      std::to_string(image.height) + "\n255\n";
  for (const std::uint8_t value : image.pixels) bytes += static_cast<char>(value);
  return bytes;
}

double largest_difference(const Image& a, const Image& b) {
  REQUIRE(a.pixels.size() == b.pixels.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a.pixels[i]) - static_cast<double>(b.pixels[i])));
  }
  return largest;
}

std::string message_of(const std::string& path) {
  try {
    static_cast<void>(read_image(path, 3));
  } catch (const InputError& error) {
    return std::string(error.what()).substr(path.size() + 2);
  }
  return "no error";
}

}  // namespace

TEST_CASE("pictures of every format are what was written", "[images]") {
  const mp::test::TemporaryFolder folder;
  const Image image = gradient(20, 12);
  CHECK(largest_difference(read_image(folder.write("a.png", png(image)), 3), image) == 0.0);
  CHECK(largest_difference(read_image(folder.write("a.ppm", ppm(image)), 3), image) == 0.0);
  CHECK(largest_difference(read_image(folder.write("a.jpg", jpeg(image)), 3), image) < 12.0);
  const Image grey = read_image(folder.path("a.ppm"), 1);
  CHECK(grey.pixels[0] == 11);   // 0.114 · 100
  CHECK(grey.pixels[19] == 88);  // and 0.299 · 255
  CHECK(largest_difference(read_image(folder.path("a.jpg"), 1), grey) < 12.0);
  CHECK(read_image(folder.path("a.png"), 1).pixels.size() == 240);
  const Image coloured = read_image(folder.write("a.pgm", ppm(grey)), 3);
  CHECK(coloured.pixels[57] == 88);
  CHECK(coloured.pixels[59] == 88);
}

TEST_CASE("pictures that are broken are refused by name", "[images]") {
  const mp::test::TemporaryFolder folder;
  const Image image = gradient(20, 12);
  const auto message = [&](const std::string& bytes) { return message_of(folder.write("p", bytes)); };
  CHECK(message("") == "is empty");
  CHECK(message("GIF89a") == "is no PNG, JPEG, PPM or PGM picture");
  CHECK(message(png(image).substr(0, 60)).starts_with("is a broken PNG picture: "));
  std::string flipped = png(image);
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
  CHECK(message(flipped).starts_with("is a broken PNG picture: "));
  const std::string whole = jpeg(image);
  CHECK(message(whole.substr(0, whole.size() / 2)).starts_with("is a broken JPEG picture: "));
  CHECK(message(whole.substr(0, 20)) != "no error");
  CHECK(message(ppm(image).substr(0, 200)).starts_with("is cut off: "));
  CHECK(message("P6 20 12") == "has no readable PPM or PGM header");
  CHECK(message("P6 20 12 65535 ") == "has values up to 65535; PPM and PGM with 255 are read");
  CHECK(message("P6 999999999 999999999 255 ").starts_with("says it has 999999999 × 999999999 pixels"));
  CHECK(message("P6 0 5 255 ").starts_with("says it has 0 × 5 pixels"));
}

TEST_CASE("a picture is scaled and cut to the shape that is wanted", "[images]") {
  const Image image = gradient(64, 64);
  CHECK(largest_difference(fitted(image, 64, 64), image) == 0.0);
  CHECK(largest_difference(fitted(image, 16, 16), gradient(16, 16)) < 9.0);   // borders hold means
  CHECK(largest_difference(fitted(gradient(16, 16), 64, 64), image) < 10.0);  // and are continued
  const Image middle = fitted(image, 32, 64);                                 // half as wide: the middle
  CHECK(middle.width == 32);
  CHECK(std::abs(middle.pixels[0] - 64.0) < 3.0);
  CHECK(std::abs(middle.pixels[3 * 31] - 191.0) < 3.0);
  const Image flat{.width = 7, .height = 3, .channels = 1, .pixels = std::vector<std::uint8_t>(21, 77)};
  for (const std::uint8_t value : fitted(flat, 5, 9).pixels) CHECK(value == 77);
  for (const std::uint8_t value : fitted(flat, 1, 1).pixels) CHECK(value == 77);
}

TEST_CASE("a folder of pictures fills images and labels, decoded before or on the way", "[images]") {
  const mp::test::TemporaryFolder folder;
  const auto grey = [](int value) {
    return Image{.width = 6,
                 .height = 5,
                 .channels = 1,
                 .pixels = std::vector<std::uint8_t>(30, static_cast<std::uint8_t>(value))};
  };
  for (int i = 0; i < 20; ++i) {
    folder.write("set/cats/" + std::to_string(i) + ".pgm", ppm(grey(10 + i)));
    folder.write("set/dogs/deep/" + std::to_string(i) + ".PNG", png(grey(110 + i)));
  }
  folder.write("set/dogs/notes.txt", "no picture");
  GraphBuilder builder("g");
  builder.add_input("x", {DataType::kFloat32, {2, 3, 4, 4}}, "images");
  builder.add_input("y", {DataType::kInt64, {2}}, "labels");
  const Graph graph = std::move(builder).build();
  DataSources sources;
  sources.images = folder.path("set");
  sources.image_mean = {0.5};
  sources.image_std = {0.25, 0.5, 1.0};
  const TrainingData data = open_training_data(graph, {.sources = sources, .seed = 1});
  CHECK(data.training_samples == 38);
  for (std::int64_t step = 0; step < 19; ++step) {
    std::vector<float> x(96);
    std::vector<std::int64_t> y(2);
    data.training->fill(0, step, 0, std::as_writable_bytes(std::span(x)));
    data.training->fill(1, step, 0, std::as_writable_bytes(std::span(y)));
    const double value = (static_cast<double>(x[0]) * 0.25 + 0.5) * 255.0;
    CHECK(y[0] == (value > 100.0 ? 1 : 0));
    CHECK(static_cast<double>(x[47]) == Approx(value / 255.0 - 0.5).margin(1e-6));
  }
  const ImageFolder images = open_image_folder(folder.path("set"));
  const auto now = make_image_samples(images, {3, 4, 4}, {});
  const auto later = make_image_samples(images, {3, 4, 4}, {}, 0);
  std::vector<float> a(48);
  std::vector<float> b(48);
  now->copy(25, a);
  later->copy(25, b);
  CHECK(a == b);
  folder.write("set/cats/x.png", "not one");
  CHECK_THROWS_AS(open_training_data(graph, {.sources = sources}), InputError);
  CHECK_NOTHROW(make_image_samples(open_image_folder(folder.path("set")), {3, 4, 4}, {}, 0));
  std::filesystem::create_directory(folder.path("set/none"));
  CHECK_THROWS_AS(open_image_folder(folder.path("set")), InputError);
  CHECK_THROWS_AS(open_image_folder(folder.path("set/cats")), InputError);
}
