// LSTM and GRU as https://onnx.ai/onnx/operators/ defines them, one number at a time.
#include <cmath>
#include <string>
#include <vector>

#include "tests/runtime/cpu/support/reference.hpp"

namespace mp::runtime::testing {
namespace {

using Numbers = std::vector<double>;

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

// One direction of one sequence.
struct Cell {
  const ReferenceCall& call;
  std::int64_t direction;
  std::int64_t batch;
  std::int64_t blocks;  // of W and R
  std::int64_t hidden = call.in(2).extent(2);

  [[nodiscard]] bool batch_first() const { return call.attributes().get_int("layout", 0) != 0; }
  [[nodiscard]] std::int64_t steps() const { return call.in(0).extent(batch_first() ? 1 : 0); }
  [[nodiscard]] std::int64_t time(std::int64_t step) const {
    const bool reverse = direction == 1 || call.attributes().get_string("direction", "forward") == "reverse";
    return reverse ? steps() - 1 - step : step;
  }
  [[nodiscard]] double x(std::int64_t t, std::int64_t i) const {
    return call.in(0).at(element_of(batch_first() ? Index{batch, t, i} : Index{t, batch, i}, call.in(0).shape));
  }
  [[nodiscard]] double bias(std::int64_t row) const {
    return call.has(3) ? call.in(3).at(direction * call.in(3).extent(1) + row) : 0.0;
  }
  [[nodiscard]] double input_sum(std::int64_t row, std::int64_t t) const {
    double sum = bias(row);
    const Array& w = call.in(1);
    for (std::int64_t i = 0; i < w.extent(2); ++i) sum += w.at(element_of({direction, row, i}, w.shape)) * x(t, i);
    return sum;
  }
  [[nodiscard]] double recurrent_sum(std::int64_t row, const Numbers& h) const {
    double sum = bias(blocks * hidden + row);
    const Array& r = call.in(2);
    for (std::int64_t i = 0; i < hidden; ++i) {
      sum += r.at(element_of({direction, row, i}, r.shape)) * h[static_cast<std::size_t>(i)];
    }
    return sum;
  }
  [[nodiscard]] Index state_index(std::int64_t i) const {
    return batch_first() ? Index{batch, direction, i} : Index{direction, batch, i};
  }
  [[nodiscard]] Numbers initial(std::size_t input) const {
    Numbers state(static_cast<std::size_t>(hidden), 0.0);
    for (std::int64_t i = 0; call.has(input) && i < hidden; ++i) {
      state[static_cast<std::size_t>(i)] = call.in(input).at(element_of(state_index(i), call.in(input).shape));
    }
    return state;
  }
  void put_output(std::int64_t t, const Numbers& h) const {
    for (std::int64_t i = 0; call.has_out(0) && i < hidden; ++i) {
      const Index at = batch_first() ? Index{batch, t, direction, i} : Index{t, direction, batch, i};
      call.out(0).at(element_of(at, call.out(0).shape)) = h[static_cast<std::size_t>(i)];
    }
  }
  void put_state(std::size_t output, const Numbers& state) const {
    for (std::int64_t i = 0; call.has_out(output) && i < hidden; ++i) {
      call.out(output).at(element_of(state_index(i), call.out(output).shape)) = state[static_cast<std::size_t>(i)];
    }
  }
  // Block `block` of `width` of what is saved for the gradient.
  void put_saved(std::size_t output, std::int64_t t, std::int64_t block, const Numbers& values) const {
    if (!call.has_out(output)) return;
    Array& saved = call.out(output);
    for (std::int64_t i = 0; i < hidden; ++i) {
      saved.at(element_of({direction, t, batch, block * hidden + i}, saved.shape)) =
          values[static_cast<std::size_t>(i)];
    }
  }
};

void run_lstm_cell(const Cell& cell) {
  const auto n = static_cast<std::size_t>(cell.hidden);
  Numbers h = cell.initial(5);
  Numbers c = cell.initial(6);
  for (std::int64_t step = 0; step < cell.steps(); ++step) {
    const std::int64_t t = cell.time(step);
    std::vector<Numbers> gates(4, Numbers(n));
    for (std::int64_t block = 0; block < 4; ++block) {
      for (std::int64_t i = 0; i < cell.hidden; ++i) {
        const std::int64_t row = block * cell.hidden + i;
        const double sum = cell.input_sum(row, t) + cell.recurrent_sum(row, h);
        gates[static_cast<std::size_t>(block)][static_cast<std::size_t>(i)] =
            block == 3 ? std::tanh(sum) : sigmoid(sum);
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      c[i] = gates[2][i] * c[i] + gates[0][i] * gates[3][i];
      h[i] = gates[1][i] * std::tanh(c[i]);
    }
    cell.put_output(t, h);
    for (std::size_t block = 0; block < 4; ++block) {
      cell.put_saved(3, t, static_cast<std::int64_t>(block), gates[block]);
    }
    cell.put_saved(4, t, 0, c);
  }
  cell.put_state(1, h);
  cell.put_state(2, c);
}

void run_gru_cell(const Cell& cell) {
  const auto n = static_cast<std::size_t>(cell.hidden);
  const bool late = cell.call.attributes().get_int("linear_before_reset", 0) != 0;
  Numbers h = cell.initial(5);
  for (std::int64_t step = 0; step < cell.steps(); ++step) {
    const std::int64_t t = cell.time(step);
    Numbers update(n), reset(n), fresh(n), seen(n), reset_h(n);
    for (std::size_t i = 0; i < n; ++i) {
      const auto row = static_cast<std::int64_t>(i);
      update[i] = sigmoid(cell.input_sum(row, t) + cell.recurrent_sum(row, h));
      reset[i] = sigmoid(cell.input_sum(row + cell.hidden, t) + cell.recurrent_sum(row + cell.hidden, h));
      reset_h[i] = reset[i] * h[i];
    }
    for (std::size_t i = 0; i < n; ++i) {
      const std::int64_t row = static_cast<std::int64_t>(i) + 2 * cell.hidden;
      const double looked_at = cell.recurrent_sum(row, late ? h : reset_h);
      seen[i] = late ? looked_at : reset_h[i];
      fresh[i] = std::tanh(cell.input_sum(row, t) + (late ? reset[i] * looked_at : looked_at));
    }
    for (std::size_t i = 0; i < n; ++i) h[i] = (1.0 - update[i]) * fresh[i] + update[i] * h[i];
    cell.put_output(t, h);
    std::int64_t block = 0;
    for (const Numbers* values : {&update, &reset, &fresh, &seen}) cell.put_saved(2, t, block++, *values);
  }
  cell.put_state(1, h);
}

template <void (*run)(const Cell&), std::int64_t kBlocks>
void run_cells(const ReferenceCall& call) {
  const std::int64_t batches = call.in(0).extent(call.attributes().get_int("layout", 0) != 0 ? 0 : 1);
  for (std::int64_t d = 0; d < call.in(2).extent(0); ++d) {
    for (std::int64_t b = 0; b < batches; ++b) run(Cell{call, d, b, kBlocks});
  }
}

}  // namespace

Reference recurrent_reference(std::string_view op) {
  if (op == "LSTM") return run_cells<run_lstm_cell, 4>;
  if (op == "GRU") return run_cells<run_gru_cell, 3>;
  return nullptr;
}

}  // namespace mp::runtime::testing
