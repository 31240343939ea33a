// The gates of LSTM and GRU, forward and backward, an element of the hidden state to an item; what lies between their
// products.
#pragma once

#include <cmath>
#include <cstdint>

#include "runtime/gpu/kernels/elementwise.hpp"
#include "runtime/gpu/portable.hpp"

namespace mp::runtime::gpu {

// Rows of sequences, `stride` elements apart; first = nullptr: all zeros.
struct ConstRows {
  const float* first = nullptr;
  std::int64_t stride = 0;
  MP_HD float at(std::int64_t row, std::int64_t i) const { return first == nullptr ? 0.0F : first[row * stride + i]; }
};

struct Rows {
  float* first = nullptr;
  std::int64_t stride = 0;
  MP_HD float& at(std::int64_t row, std::int64_t i) const { return first[row * stride + i]; }
};

// to ← from, `width` elements of each row.
struct CopyRowsItem {
  std::int64_t width;
  ConstRows from;
  Rows to;
  MP_HD void operator()(std::int64_t i) const {
    const Division d = divide(i, width);
    to.at(d.quotient, d.rest) = from.at(d.quotient, d.rest);
  }
};

// to[outer, inner, …] ← from[inner, outer, …], `width` elements to each.
struct SwapAxesItem {
  std::int64_t outer;
  std::int64_t inner;
  std::int64_t width;
  const float* from;
  float* to;
  MP_HD void operator()(std::int64_t i) const {
    const Division element = divide(i, width);
    const Division row = divide(element.quotient, inner);
    to[i] = from[(row.rest * outer + row.quotient) * width + element.rest];
  }
};

// rows += bias, to each row the same.
struct AddBiasRowsItem {
  std::int64_t width;
  const float* bias;
  Rows to;
  MP_HD void operator()(std::int64_t i) const {
    const Division d = divide(i, width);
    to.at(d.quotient, d.rest) += bias[d.rest];
  }
};

// The hidden state before every step, at the rows of the steps' times.
struct HiddenBeforeItem {
  std::int64_t steps;
  std::int64_t batch;
  std::int64_t hidden;
  bool is_backwards;
  const float* y;  // of the direction
  std::int64_t time_stride;
  std::int64_t row_stride;
  ConstRows initial;
  float* to;
  MP_HD void operator()(std::int64_t i) const {
    const Division element = divide(i, hidden);
    const Division row = divide(element.quotient, batch);
    const std::int64_t before = is_backwards ? row.quotient + 1 : row.quotient - 1;
    to[i] = before < 0 || before == steps ? initial.at(row.rest, element.rest)
                                          : y[before * time_stride + row.rest * row_stride + element.rest];
  }
};

// One step; gates of a row: input, output, forget, new cell, before their activations and then after.
struct LstmItem {
  std::int64_t hidden;
  float* gates;
  ConstRows cell_before;
  float* cell;
  Rows y;
  MP_HD void operator()(std::int64_t i) const {
    const Division d = divide(i, hidden);
    float* at = gates + d.quotient * 4 * hidden + d.rest;
    const float input = sigmoid(at[0]);
    const float output = sigmoid(at[hidden]);
    const float forget = sigmoid(at[2 * hidden]);
    const float fresh = tanhf(at[3 * hidden]);
    at[0] = input;
    at[hidden] = output;
    at[2 * hidden] = forget;
    at[3 * hidden] = fresh;
    const float now = forget * cell_before.at(d.quotient, d.rest) + input * fresh;
    cell[i] = now;
    y.at(d.quotient, d.rest) = output * tanhf(now);
  }
};

// dh, dc come from later steps; dc leaves as that of the cell before.
struct LstmGradientItem {
  std::int64_t hidden;
  const float* gates;
  const float* cell;
  ConstRows cell_before;
  ConstRows dy;
  const float* dh;
  float* dc;
  float* dgates;
  MP_HD void operator()(std::int64_t i) const {
    const Division d = divide(i, hidden);
    const std::int64_t first = d.quotient * 4 * hidden + d.rest;
    const float input = gates[first];
    const float output = gates[first + hidden];
    const float forget = gates[first + 2 * hidden];
    const float fresh = gates[first + 3 * hidden];
    const float bent = tanhf(cell[i]);
    const float from = dh[i] + dy.at(d.quotient, d.rest);
    const float of_cell = dc[i] + from * output * (1.0F - bent * bent);
    dgates[first] = of_cell * fresh * input * (1.0F - input);
    dgates[first + hidden] = from * bent * output * (1.0F - output);
    dgates[first + 2 * hidden] = of_cell * cell_before.at(d.quotient, d.rest) * forget * (1.0F - forget);
    dgates[first + 3 * hidden] = of_cell * input * (1.0F - fresh * fresh);
    dc[i] = of_cell * forget;
  }
};

// Of a GRU's row: update gate, reset gate, new state, and what the reset gate looks at (runtime/cpu/kernels/gru.cpp).
// The gates from their sums; r·H where the reset gate comes before the product with R.
struct GruGatesItem {
  std::int64_t hidden;
  bool is_reset_first;
  float* gates;
  ConstRows before;
  MP_HD void operator()(std::int64_t i) const {
    const Division d = divide(i, hidden);
    float* at = gates + d.quotient * 4 * hidden + d.rest;
    at[0] = sigmoid(at[0]);
    at[hidden] = sigmoid(at[hidden]);
    if (is_reset_first) at[3 * hidden] = at[hidden] * before.at(d.quotient, d.rest);
  }
};

// The new state, and Y = (1 − z)·h + z·before.
struct GruBlendItem {
  std::int64_t hidden;
  bool is_reset_first;
  float* gates;
  ConstRows before;
  Rows y;
  MP_HD void operator()(std::int64_t i) const {
    const Division d = divide(i, hidden);
    float* at = gates + d.quotient * 4 * hidden + d.rest;
    const float sum = is_reset_first ? at[2 * hidden] : at[2 * hidden] + at[hidden] * at[3 * hidden];
    const float fresh = tanhf(sum);
    at[2 * hidden] = fresh;
    y.at(d.quotient, d.rest) = (1.0F - at[0]) * fresh + at[0] * before.at(d.quotient, d.rest);
  }
};

// dh, from later steps, leaves as what the state before gets through the update gate; dgates: of the sums under the
// update gate and the new state, and, where the reset gate comes after the product, of all.
struct GruGradientItem {
  std::int64_t hidden;
  bool is_reset_first;
  const float* gates;
  ConstRows before;
  ConstRows dy;
  float* dh;
  float* dgates;
  MP_HD void operator()(std::int64_t i) const {
    const Division d = divide(i, hidden);
    const std::int64_t first = d.quotient * 4 * hidden + d.rest;
    const float update = gates[first];
    const float fresh = gates[first + 2 * hidden];
    const float from = dh[i] + dy.at(d.quotient, d.rest);
    const float of_fresh = from * (1.0F - update) * (1.0F - fresh * fresh);
    dgates[first] = from * (before.at(d.quotient, d.rest) - fresh) * update * (1.0F - update);
    dgates[first + 2 * hidden] = of_fresh;
    dh[i] = from * update;
    if (is_reset_first) return;
    const float reset = gates[first + hidden];
    dgates[first + hidden] = of_fresh * gates[first + 3 * hidden] * reset * (1.0F - reset);
    dgates[first + 3 * hidden] = of_fresh * reset;
  }
};

// Where the reset gate comes first: the gradient of r·H stands in dgates.
struct GruEarlyResetItem {
  std::int64_t hidden;
  const float* gates;
  ConstRows before;
  float* dh;
  float* dgates;
  MP_HD void operator()(std::int64_t i) const {
    const Division d = divide(i, hidden);
    const std::int64_t first = d.quotient * 4 * hidden + d.rest;
    const float reset = gates[first + hidden];
    const float seen = dgates[first + 3 * hidden];
    dgates[first + hidden] = seen * before.at(d.quotient, d.rest) * reset * (1.0F - reset);
    dh[i] += seen * reset;
  }
};

}  // namespace mp::runtime::gpu
