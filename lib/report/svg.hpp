// Scalable vector graphics, written element by element (W3C, SVG 1.1).
#pragma once

#include <string>
#include <string_view>

namespace mp {

// Text for HTML and SVG: & < > " ' as entities; control characters left out, so that the result is well formed.
[[nodiscard]] std::string escaped(std::string_view text);

// The colour of a device in every picture of a report: hues a golden angle apart, so that any two of a few dozen devices
// differ. The hue in degrees, and the colour for CSS ("hsl(210,58%,66%)").
[[nodiscard]] double device_hue(std::size_t device);
[[nodiscard]] std::string device_color(std::size_t device);

struct Box {
  double x = 0.0;
  double y = 0.0;
  double width = 0.0;
  double height = 0.0;
};

// All lengths are in user units. A `title` is what a browser shows under the pointer; a `style_class` is for CSS.
class SvgWriter {
 public:
  SvgWriter(double width, double height, std::string_view label);
  void rect(const Box& box, std::string_view fill, std::string_view title, std::string_view style_class = "");
  void line(double x1, double y1, double x2, double y2, std::string_view style_class);
  void path(std::string_view commands, std::string_view style_class, std::string_view title = "");
  void area(std::string_view commands, std::string_view fill);
  // `anchor`: start, middle or end.
  void text(double x, double y, std::string_view anchor, std::string_view text, std::string_view style_class = "");
  [[nodiscard]] std::string take() &&;

 private:
  std::string text_;
};

}  // namespace mp
