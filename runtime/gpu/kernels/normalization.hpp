// Layer, RMS, group and batch normalization with their gradients: a group of threads to each row, group or channel;
// gradients of weights as column sums over slices of the rows.
#pragma once

#include <cmath>
#include <cstdint>

#include "runtime/gpu/packs.hpp"
#include "runtime/gpu/portable.hpp"

namespace mp::runtime::gpu {

// LayerNormalization (mean taken away) and RMSNormalization.
struct NormalizeRow {
  std::int64_t width;
  double epsilon;
  bool is_rms;
  ConstReals x;
  ConstReals scale;
  ConstReals shift;  // may be null
  Reals y;
  Reals means;     // may be null
  Reals inverses;  // may be null
  template <class Group>
  MP_HD void operator()(std::int64_t row, const Group& group) const {
    const std::int64_t start = row * width;
    const bool is_packed = are_rows_packable(width, x, scale, shift, y);
    const double mean = is_rms ? 0.0 : mean_of(start, is_packed, group);
    const auto center = static_cast<float>(mean);
    double squares = 0.0;
    for_packs(group, width, is_packed, [&](auto n, std::int64_t i) {
      const Pack<decltype(n)::value> values = load<decltype(n)::value>(x, start + i);
      float part = 0.0F;
      for (const float value : values.x) part += (value - center) * (value - center);
      squares += static_cast<double>(part);
    });
    squares = group.sum(squares) / static_cast<double>(width);
    const auto inverse = static_cast<float>(1.0 / sqrt(squares + epsilon));
    for_packs(group, width, is_packed, [&](auto n, std::int64_t i) {
      constexpr int kN = decltype(n)::value;
      Pack<kN> values = load<kN>(x, start + i);
      const Pack<kN> scales = load<kN>(scale, i);
      for (int k = 0; k < kN; ++k) values.x[k] = (values.x[k] - center) * inverse * scales.x[k];
      if (shift) {
        const Pack<kN> shifts = load<kN>(shift, i);
        for (int k = 0; k < kN; ++k) values.x[k] += shifts.x[k];
      }
      store(y, start + i, values);
    });
    if (group.rank() != 0) return;
    if (means) means.set(row, center);
    if (inverses) inverses.set(row, inverse);
  }

 private:
  template <class Group>
  MP_HD double mean_of(std::int64_t start, bool is_packed, const Group& group) const {
    double sum = 0.0;
    for_packs(group, width, is_packed, [&](auto n, std::int64_t i) {
      const Pack<decltype(n)::value> values = load<decltype(n)::value>(x, start + i);
      float part = 0.0F;
      for (const float value : values.x) part += value;
      sum += static_cast<double>(part);
    });
    return group.sum(sum) / static_cast<double>(width);
  }
};

// dX = inv·(dY·scale − mean(dY·scale) − x̂·mean(dY·scale·x̂)); without the first mean for RMS.
struct NormalizeInputGradientRow {
  std::int64_t width;
  bool is_rms;
  ConstReals dy;
  ConstReals x;
  ConstReals scale;
  ConstReals means;  // null for RMS
  ConstReals inverses;
  Reals dx;
  template <class Group>
  MP_HD void operator()(std::int64_t row, const Group& group) const {
    const std::int64_t start = row * width;
    const bool is_packed = are_rows_packable(width, dy, x, scale, dx);
    const float mean = is_rms ? 0.0F : means[row];
    const float inverse = inverses[row];
    double gradient = 0.0;
    double projected = 0.0;
    for_packs(group, width, is_packed, [&](auto n, std::int64_t i) {
      constexpr int kN = decltype(n)::value;
      const Pack<kN> dys = load<kN>(dy, start + i);
      const Pack<kN> xs = load<kN>(x, start + i);
      const Pack<kN> scales = load<kN>(scale, i);
      float sum = 0.0F;
      float product = 0.0F;
      for (int k = 0; k < kN; ++k) {
        const float g = dys.x[k] * scales.x[k];
        sum += g;
        product += g * ((xs.x[k] - mean) * inverse);
      }
      gradient += static_cast<double>(sum);
      projected += static_cast<double>(product);
    });
    const double count = static_cast<double>(width);
    const auto gradient_mean = is_rms ? 0.0F : static_cast<float>(group.sum(gradient) / count);
    const auto projected_mean = static_cast<float>(group.sum(projected) / count);
    for_packs(group, width, is_packed, [&](auto n, std::int64_t i) {
      constexpr int kN = decltype(n)::value;
      Pack<kN> values = load<kN>(dy, start + i);
      const Pack<kN> xs = load<kN>(x, start + i);
      const Pack<kN> scales = load<kN>(scale, i);
      for (int k = 0; k < kN; ++k) {
        const float normal = (xs.x[k] - mean) * inverse;
        values.x[k] = inverse * (values.x[k] * scales.x[k] - gradient_mean - normal * projected_mean);
      }
      store(dx, start + i, values);
    });
  }
};

// An item to each (slice of the rows, column): Σ dY·x̂ and Σ dY.
struct NormalizeWeightSliceItem {
  std::int64_t rows;
  std::int64_t width;
  std::int64_t slices;
  bool is_rms;
  ConstReals dy;
  ConstReals x;
  ConstReals means;
  ConstReals inverses;
  double* scales;  // [slice, column]
  double* shifts;
  MP_HD void operator()(std::int64_t i) const {
    const Division d = divide(i, width);
    double scale = 0.0;
    double shift = 0.0;
    for (std::int64_t row = rows * d.quotient / slices; row < rows * (d.quotient + 1) / slices; ++row) {
      const std::int64_t at = row * width + d.rest;
      const float mean = is_rms ? 0.0F : means[row];
      scale += static_cast<double>(dy[at] * ((x[at] - mean) * inverses[row]));
      shift += static_cast<double>(dy[at]);
    }
    scales[i] = scale;
    shifts[i] = shift;
  }
};

// [batch, channels, plane], channels in groups that lie side by side; a layer of `batch · groups` groups.
struct ChannelGroups {
  std::int64_t batch = 1;
  std::int64_t channels = 1;
  std::int64_t groups = 1;
  std::int64_t plane = 1;
  MP_HD std::int64_t width() const { return channels / groups * plane; }  // elements of a group
  MP_HD std::int64_t channel(std::int64_t group, std::int64_t i) const {
    return divide(group, groups).rest * (channels / groups) + divide(i, plane).quotient;
  }
};

struct GroupNormalizeRow {
  ChannelGroups g;
  double epsilon;
  ConstReals x;
  ConstReals scale;
  ConstReals shift;
  Reals y;
  Reals means;
  Reals inverses;
  template <class Group>
  MP_HD void operator()(std::int64_t at, const Group& group) const {
    const std::int64_t width = g.width();
    const std::int64_t start = at * width;
    double mean = 0.0;
    for (std::int64_t i = group.rank(); i < width; i += group.size()) mean += static_cast<double>(x[start + i]);
    mean = group.sum(mean) / static_cast<double>(width);
    double squares = 0.0;
    for (std::int64_t i = group.rank(); i < width; i += group.size()) {
      const double d = static_cast<double>(x[start + i]) - mean;
      squares += d * d;
    }
    const double inverse = 1.0 / sqrt(group.sum(squares) / static_cast<double>(width) + epsilon);
    for (std::int64_t i = group.rank(); i < width; i += group.size()) {
      const std::int64_t c = g.channel(at, i);
      const double slope = inverse * static_cast<double>(scale[c]);
      const auto constant = static_cast<float>(static_cast<double>(shift[c]) - slope * mean);
      y.set(start + i, static_cast<float>(slope) * x[start + i] + constant);
    }
    if (group.rank() != 0) return;
    if (means) means.set(at, static_cast<float>(mean));
    if (inverses) inverses.set(at, static_cast<float>(inverse));
  }
};

struct GroupInputGradientRow {
  ChannelGroups g;
  ConstReals dy;
  ConstReals x;
  ConstReals scale;
  ConstReals means;
  ConstReals inverses;
  Reals dx;
  template <class Group>
  MP_HD void operator()(std::int64_t at, const Group& group) const {
    const std::int64_t width = g.width();
    const std::int64_t start = at * width;
    const double mean = static_cast<double>(means[at]);
    const double inverse = static_cast<double>(inverses[at]);
    double gradient = 0.0;
    double projected = 0.0;
    for (std::int64_t i = group.rank(); i < width; i += group.size()) {
      const double weighted = static_cast<double>(dy[start + i]) * static_cast<double>(scale[g.channel(at, i)]);
      gradient += weighted;
      projected += weighted * (static_cast<double>(x[start + i]) - mean);
    }
    const double count = static_cast<double>(width);
    gradient = group.sum(gradient) / count;
    projected = group.sum(projected) * inverse * inverse / count;
    for (std::int64_t i = group.rank(); i < width; i += group.size()) {
      const double weighted = static_cast<double>(dy[start + i]) * static_cast<double>(scale[g.channel(at, i)]);
      const double away = static_cast<double>(x[start + i]) - mean;
      dx.set(start + i, static_cast<float>(inverse * (weighted - gradient - away * projected)));
    }
  }
};

// A row to each channel: element i of it, over batch and plane.
struct ChannelWalk {
  std::int64_t batch = 1;
  std::int64_t channels = 1;
  std::int64_t plane = 1;
  MP_HD std::int64_t count() const { return batch * plane; }
  MP_HD std::int64_t at(std::int64_t channel, std::int64_t i) const {
    const Division d = divide(i, plane);
    return (d.quotient * channels + channel) * plane + d.rest;
  }
};

// Gradients of scale and shift, of a normalization whose statistics belong to `statistics_of` groups per batch item
// (group normalization), or to the channels (batch normalization: groups is 0).
struct ChannelWeightGradientRow {
  ChannelWalk walk;
  std::int64_t groups;
  ConstReals dy;
  ConstReals x;
  ConstReals means;
  ConstReals inverses;
  Reals dscale;  // these two may be null
  Reals dshift;
  template <class Group>
  MP_HD void operator()(std::int64_t channel, const Group& group) const {
    double scale = 0.0;
    double shift = 0.0;
    for (std::int64_t i = group.rank(); i < walk.count(); i += group.size()) {
      const std::int64_t at = walk.at(channel, i);
      std::int64_t s = channel;
      if (groups > 0) s = divide(i, walk.plane).quotient * groups + divide(channel, walk.channels / groups).quotient;
      const double g = static_cast<double>(dy[at]);
      shift += g;
      scale += g * (static_cast<double>(x[at]) - static_cast<double>(means[s])) * static_cast<double>(inverses[s]);
    }
    scale = group.sum(scale);
    shift = group.sum(shift);
    if (group.rank() != 0) return;
    if (dscale) dscale.set(channel, static_cast<float>(scale));
    if (dshift) dshift.set(channel, static_cast<float>(shift));
  }
};

// Batch statistics of a channel, or the running ones where it is not trained, and the channel normalised.
struct BatchNormalizeRow {
  ChannelWalk walk;
  bool is_training;
  double epsilon;
  double momentum;
  ConstReals x;
  ConstReals scale;
  ConstReals shift;
  ConstReals running_mean;
  ConstReals running_variance;
  Reals y;
  Reals new_mean;  // these four may be null
  Reals new_variance;
  Reals saved_mean;
  Reals saved_inverse;

  template <class Group>
  MP_HD void operator()(std::int64_t c, const Group& group) const {
    double mean = static_cast<double>(running_mean[c]);
    double variance = static_cast<double>(running_variance[c]);
    const double old_mean = mean;
    const double old_variance = variance;
    if (is_training) {
      double sum = 0.0;
      double squares = 0.0;
      for (std::int64_t i = group.rank(); i < walk.count(); i += group.size()) {
        const double value = static_cast<double>(x[walk.at(c, i)]);
        sum += value;
        squares += value * value;
      }
      const double count = static_cast<double>(walk.count());
      mean = group.sum(sum) / count;
      variance = group.sum(squares) / count - mean * mean;
      variance = variance > 0.0 ? variance : 0.0;
    }
    const double inverse = 1.0 / sqrt(variance + epsilon);
    const double factor = inverse * static_cast<double>(scale[c]);
    const auto slope = static_cast<float>(factor);
    const auto constant = static_cast<float>(static_cast<double>(shift[c]) - mean * factor);
    for (std::int64_t i = group.rank(); i < walk.count(); i += group.size()) {
      const std::int64_t at = walk.at(c, i);
      y.set(at, slope * x[at] + constant);
    }
    group.wait();  // running values may be replaced where they lie: all have read them
    if (group.rank() != 0 || !is_training) return;
    if (new_mean) new_mean.set(c, static_cast<float>(momentum * old_mean + (1.0 - momentum) * mean));
    if (new_variance) new_variance.set(c, static_cast<float>(momentum * old_variance + (1.0 - momentum) * variance));
    if (saved_mean) saved_mean.set(c, static_cast<float>(mean));
    if (saved_inverse) saved_inverse.set(c, static_cast<float>(inverse));
  }
};

// dX = scale·inv·(dY − dshift/n − x̂·dscale/n)
struct BatchInputGradientItem {
  ChannelWalk walk;
  ConstReals dy;
  ConstReals x;
  ConstReals scale;
  ConstReals means;
  ConstReals inverses;
  ConstReals dscale;
  ConstReals dshift;
  Reals dx;
  MP_HD void operator()(std::int64_t i) const {
    const std::int64_t c = divide(divide(i, walk.plane).quotient, walk.channels).rest;
    const auto n = static_cast<float>(walk.count());
    const float inverse = inverses[c];
    const float away = x[i] - means[c];
    dx.set(i, scale[c] * inverse * (dy[i] - dshift[c] / n - away * (dscale[c] / n * inverse)));
  }
};

}  // namespace mp::runtime::gpu
