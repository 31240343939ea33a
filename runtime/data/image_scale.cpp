#include <algorithm>
#include <cmath>

#include "runtime/data/image_file.hpp"

namespace mp::runtime {
namespace {

// Which pixels of a line make up one of the scaled line, and with what weights, whose sum is 1.
struct Window {
  std::size_t first = 0;
  std::vector<double> weights;
};

// Of a line of `length` pixels, its part from `begin` on, `part` long, scaled to `target` pixels.
std::vector<Window> windows(std::size_t length, double begin, double part, std::size_t target) {
  const double step = part / static_cast<double>(target);
  const double reach = std::max(1.0, step);
  std::vector<Window> result(target);
  for (std::size_t i = 0; i < target; ++i) {
    const double centre = begin + (static_cast<double>(i) + 0.5) * step - 0.5;
    const auto clamp = [&](double place) {
      return static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(length - 1)));
    };
    Window& window = result[i];
    window.first = clamp(std::ceil(centre - reach));
    double sum = 0.0;
    for (std::size_t p = window.first; p <= clamp(std::floor(centre + reach)); ++p) {
      const double weight = std::max(0.0, 1.0 - std::abs(static_cast<double>(p) - centre) / reach);
      window.weights.push_back(weight);
      sum += weight;
    }
    if (sum == 0.0) window.weights.back() = sum = 1.0;  // no pixel's middle is near: the border's
    for (double& weight : window.weights) weight /= sum;
  }
  return result;
}

}  // namespace

Image fitted(const Image& image, std::size_t width, std::size_t height) {
  const auto w = static_cast<double>(image.width);
  const auto h = static_cast<double>(image.height);
  const double scale = std::min(w / static_cast<double>(width), h / static_cast<double>(height));
  const double part_width = scale * static_cast<double>(width);
  const double part_height = scale * static_cast<double>(height);
  const std::vector<Window> columns = windows(image.width, 0.5 * (w - part_width), part_width, width);
  const std::vector<Window> rows = windows(image.height, 0.5 * (h - part_height), part_height, height);

  const std::size_t c = image.channels;
  std::vector<double> narrow(image.height * width * c);  // scaled along the lines alone
  for (std::size_t y = 0; y < image.height; ++y) {
    for (std::size_t x = 0; x < width * c; ++x) {
      const Window& window = columns[x / c];
      double sum = 0.0;
      for (std::size_t i = 0; i < window.weights.size(); ++i) {
        sum += window.weights[i] * image.pixels[(y * image.width + window.first + i) * c + x % c];
      }
      narrow[y * width * c + x] = sum;
    }
  }
  Image result{
      .width = width, .height = height, .channels = c, .pixels = std::vector<std::uint8_t>(width * height * c)};
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width * c; ++x) {
      double sum = 0.0;
      for (std::size_t i = 0; i < rows[y].weights.size(); ++i) {
        sum += rows[y].weights[i] * narrow[(rows[y].first + i) * width * c + x];
      }
      result.pixels[y * width * c + x] = static_cast<std::uint8_t>(std::clamp(std::lround(sum), 0L, 255L));
    }
  }
  return result;
}

}  // namespace mp::runtime
