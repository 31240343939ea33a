#include "lib/report/svg.hpp"

#include <fmt/core.h>

#include <cmath>
#include <iterator>
#include <utility>

namespace mp {
namespace {

std::string title_element(std::string_view title) {
  return title.empty() ? std::string() : fmt::format("<title>{}</title>", escaped(title));
}

std::string class_attribute(std::string_view style_class) {
  return style_class.empty() ? std::string() : fmt::format(" class=\"{}\"", style_class);
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20U) result += c;
    }
  }
  return result;
}

double device_hue(std::size_t device) {
  constexpr double kGoldenAngle = 137.50776;
  constexpr double kFirstHue = 210.0;
  return std::fmod(kFirstHue + kGoldenAngle * static_cast<double>(device), 360.0);
}

std::string device_color(std::size_t device) {
  return fmt::format("hsl({:.0f},{}%,{}%)", device_hue(device), device % 2 == 0 ? 58 : 45, device % 3 == 0 ? 66 : 72);
}

SvgWriter::SvgWriter(double width, double height, std::string_view label)
    : text_(fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
                        "height=\"{1:.0f}\" role=\"img\" aria-label=\"{2}\">\n",
                        std::ceil(width), std::ceil(height), escaped(label))) {}

void SvgWriter::rect(const Box& box, std::string_view fill, std::string_view title, std::string_view style_class) {
  fmt::format_to(std::back_inserter(text_),
                 "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" fill=\"{}\"{}>{}</rect>\n", box.x,
                 box.y, box.width, box.height, fill, class_attribute(style_class), title_element(title));
}

void SvgWriter::line(double x1, double y1, double x2, double y2, std::string_view style_class) {
  fmt::format_to(std::back_inserter(text_), "<line x1=\"{:.2f}\" y1=\"{:.2f}\" x2=\"{:.2f}\" y2=\"{:.2f}\"{}/>\n", x1,
                 y1, x2, y2, class_attribute(style_class));
}

void SvgWriter::path(std::string_view commands, std::string_view style_class, std::string_view title) {
  fmt::format_to(std::back_inserter(text_), "<path d=\"{}\"{}>{}</path>\n", commands, class_attribute(style_class),
                 title_element(title));
}

void SvgWriter::area(std::string_view commands, std::string_view fill) {
  fmt::format_to(std::back_inserter(text_), "<path d=\"{}\" fill=\"{}\" stroke=\"none\"/>\n", commands, fill);
}

void SvgWriter::text(double x, double y, std::string_view anchor, std::string_view text, std::string_view style_class) {
  fmt::format_to(std::back_inserter(text_), "<text x=\"{:.2f}\" y=\"{:.2f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y,
                 anchor, class_attribute(style_class), escaped(text));
}

std::string SvgWriter::take() && {
  text_ += "</svg>\n";
  return std::move(text_);
}

}  // namespace mp
