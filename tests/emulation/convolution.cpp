#include "tests/emulation/convolution.hpp"

#include <algorithm>

namespace mp::emulation {
namespace {

// What one weight has to do with one row of the destination: elements source + i · step and destination + i.
struct Run {
  std::int64_t source;
  std::int64_t step;
  std::int64_t weight;
  std::int64_t destination;
  std::int64_t count;
};

// [first, end) of the positions of the destination along an axis whose source lies within the picture.
struct Range {
  std::int64_t first;
  std::int64_t end;
};
Range inside(const Convolution2d& s, std::size_t axis, std::int64_t tap) {
  const std::int64_t offset = tap * s.dilations[axis] - s.pads[axis];
  const std::int64_t stride = s.strides[axis];
  const std::int64_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  const std::int64_t room = s.source[axis] - 1 - offset;
  const std::int64_t end = room < 0 ? 0 : std::min(s.destination[axis], room / stride + 1);
  return {first, std::max(first, end)};
}

// The runs of one picture, one channel of the destination, one of the source (within the group).
template <class Visit>
void visit_pair(const Convolution2d& s, std::int64_t source, std::int64_t weight, std::int64_t destination,
                const Visit& visit) {
  for (std::int64_t y = 0; y < s.kernel[0]; ++y) {
    const Range rows = inside(s, 0, y);
    for (std::int64_t x = 0; x < s.kernel[1]; ++x) {
      const Range columns = inside(s, 1, x);
      if (columns.first == columns.end) continue;
      const std::int64_t column = columns.first * s.strides[1] + x * s.dilations[1] - s.pads[1];
      for (std::int64_t row = rows.first; row < rows.end; ++row) {
        const std::int64_t source_row = row * s.strides[0] + y * s.dilations[0] - s.pads[0];
        visit(Run{.source = source + source_row * s.source[1] + column,
                  .step = s.strides[1],
                  .weight = weight + y * s.kernel[1] + x,
                  .destination = destination + row * s.destination[1] + columns.first,
                  .count = columns.end - columns.first});
      }
    }
  }
}

template <class Visit>
void visit_all(const Convolution2d& s, const Visit& visit) {
  const std::int64_t group_sources = s.source_channels / s.groups;
  const std::int64_t group_destinations = s.destination_channels / s.groups;
  const std::int64_t source_plane = s.source[0] * s.source[1];
  const std::int64_t destination_plane = s.destination[0] * s.destination[1];
  const std::int64_t taps = s.kernel[0] * s.kernel[1];
  for (std::int64_t item = 0; item < s.batch; ++item) {
    for (std::int64_t to = 0; to < s.destination_channels; ++to) {
      for (std::int64_t i = 0; i < group_sources; ++i) {
        const std::int64_t from = to / group_destinations * group_sources + i;
        visit_pair(s, (item * s.source_channels + from) * source_plane, (to * group_sources + i) * taps,
                   (item * s.destination_channels + to) * destination_plane, visit);
      }
    }
  }
}

}  // namespace

void convolve(const Convolution2d& shape, ConvolutionValues& values) {
  visit_all(shape, [&](const Run& run) {
    const float weight = values.weights[static_cast<std::size_t>(run.weight)];
    const float* source = values.source.data() + run.source;
    float* destination = values.destination.data() + run.destination;
    for (std::int64_t i = 0; i < run.count; ++i) destination[i] += weight * source[i * run.step];
  });
}

void convolve_to_source(const Convolution2d& shape, ConvolutionValues& values) {
  visit_all(shape, [&](const Run& run) {
    const float weight = values.weights[static_cast<std::size_t>(run.weight)];
    float* source = values.source.data() + run.source;
    const float* destination = values.destination.data() + run.destination;
    for (std::int64_t i = 0; i < run.count; ++i) source[i * run.step] += weight * destination[i];
  });
}

void convolve_to_weights(const Convolution2d& shape, ConvolutionValues& values) {
  visit_all(shape, [&](const Run& run) {
    const float* source = values.source.data() + run.source;
    const float* destination = values.destination.data() + run.destination;
    float sum = 0.0F;
    for (std::int64_t i = 0; i < run.count; ++i) sum += source[i * run.step] * destination[i];
    values.weights[static_cast<std::size_t>(run.weight)] += sum;
  });
}

}  // namespace mp::emulation
