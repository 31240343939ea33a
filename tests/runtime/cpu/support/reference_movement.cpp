#include <algorithm>
#include <map>
#include <numeric>
#include <string>

#include "tests/runtime/cpu/support/reference.hpp"

namespace mp::runtime::testing {
namespace {

void run_view(const ReferenceCall& call) { call.out().values = call.in(0).values; }

void run_transpose(const ReferenceCall& call) {
  const std::size_t rank = call.in(0).shape.size();
  Index reversed(rank);
  std::iota(reversed.rbegin(), reversed.rend(), std::int64_t{0});
  const Index perm = call.attributes().get_ints("perm", reversed);
  for (std::int64_t i = 0; i < call.out().size(); ++i) {
    const Index to = index_of(i, call.out().shape);
    Index from(rank);
    for (std::size_t axis = 0; axis < rank; ++axis) from[static_cast<std::size_t>(perm[axis])] = to[axis];
    call.out().at(i) = call.in(0).at(element_of(from, call.in(0).shape));
  }
}

void run_expand(const ReferenceCall& call) {
  for (std::int64_t i = 0; i < call.out().size(); ++i) {
    call.out().at(i) = call.in(0).at(broadcast_element(index_of(i, call.out().shape), call.in(0).shape));
  }
}

void run_concat(const ReferenceCall& call) {
  const std::size_t axis = call.axis("axis", 0, call.out().shape.size());
  std::int64_t start = 0;
  for (const Array* part : call.inputs) {
    for (std::int64_t i = 0; i < part->size(); ++i) {
      Index at = index_of(i, part->shape);
      at[axis] += start;
      call.out().at(element_of(at, call.out().shape)) = part->at(i);
    }
    start += part->extent(axis);
  }
}

void run_split(const ReferenceCall& call) {
  const std::size_t axis = call.axis("axis", 0, call.in(0).shape.size());
  std::int64_t start = 0;
  for (std::size_t part = 0; part < call.outputs.size(); ++part) {
    Array& y = call.out(part);
    for (std::int64_t i = 0; i < y.size(); ++i) {
      Index at = index_of(i, y.shape);
      at[axis] += start;
      y.at(i) = call.in(0).at(element_of(at, call.in(0).shape));
    }
    start += y.extent(axis);
  }
}

void run_slice(const ReferenceCall& call) {
  const Array& x = call.in(0);
  const Index starts = call.attributes().get_ints("starts", {});
  Index axes(starts.size());
  std::iota(axes.begin(), axes.end(), std::int64_t{0});
  axes = call.attributes().get_ints("axes", axes);
  const Index steps = call.attributes().get_ints("steps", Index(starts.size(), 1));
  for (std::int64_t i = 0; i < call.out().size(); ++i) {
    Index at = index_of(i, call.out().shape);
    for (std::size_t s = 0; s < starts.size(); ++s) {
      const auto axis =
          static_cast<std::size_t>(axes[s] < 0 ? axes[s] + static_cast<std::int64_t>(x.shape.size()) : axes[s]);
      const std::int64_t start = starts[s] < 0 ? starts[s] + x.extent(axis) : starts[s];
      at[axis] = std::clamp<std::int64_t>(start, 0, x.extent(axis)) + at[axis] * steps[s];
    }
    call.out().at(i) = x.at(element_of(at, x.shape));
  }
}

// ONNX's pictures of the modes: edge aa|abc|cc, reflect cb|abc|ba, wrap bc|abc|ab.
void run_copying_pad(const ReferenceCall& call, const std::string& mode) {
  const Index pads = call.attributes().get_ints("pads", {});
  const Array& x = call.in(0);
  for (std::int64_t i = 0; i < call.out().size(); ++i) {
    Index at = index_of(i, call.out().shape);
    for (std::size_t axis = 0; axis < at.size(); ++axis) {
      const std::int64_t last = x.extent(axis) - 1;
      at[axis] -= pads[axis];
      if (mode == "edge") at[axis] = std::clamp<std::int64_t>(at[axis], 0, last);
      while (mode == "wrap" && at[axis] < 0) at[axis] += last + 1;
      while (mode == "wrap" && at[axis] > last) at[axis] -= last + 1;
      if (mode == "reflect" && at[axis] < 0) at[axis] = -at[axis];
      if (mode == "reflect" && at[axis] > last) at[axis] = last - (at[axis] - last);
    }
    call.out().at(i) = x.at(element_of(at, x.shape));
  }
}

void run_pad(const ReferenceCall& call) {
  const std::string mode = call.attributes().get_string("mode", "constant");
  if (mode != "constant") return run_copying_pad(call, mode);
  const Index pads = call.attributes().get_ints("pads", {});
  call.out().values.assign(call.out().values.size(), call.attributes().get_float("value", 0.0));
  for (std::int64_t i = 0; i < call.in(0).size(); ++i) {
    Index at = index_of(i, call.in(0).shape);
    for (std::size_t axis = 0; axis < at.size(); ++axis) at[axis] += pads[axis];
    call.out().at(element_of(at, call.out().shape)) = call.in(0).at(i);
  }
}

void run_constant(const ReferenceCall& call) {
  const double integer = static_cast<double>(call.attributes().get_int("value_int", 0));
  const double value = call.attributes().get_float("value_float", integer);
  call.out().values.assign(call.out().values.size(), value);
}

void run_gather(const ReferenceCall& call) {
  const Array& data = call.in(0);
  const std::size_t axis = call.axis("axis", 0, data.shape.size());
  const std::size_t rank = call.in(1).shape.size();
  for (std::int64_t i = 0; i < call.out().size(); ++i) {
    const Index at = index_of(i, call.out().shape);
    const auto first = at.begin() + static_cast<std::ptrdiff_t>(axis);
    const auto last = first + static_cast<std::ptrdiff_t>(rank);
    auto index = static_cast<std::int64_t>(call.in(1).at(element_of({first, last}, call.in(1).shape)));
    if (index < 0) index += data.extent(axis);
    Index from(at.begin(), first);
    from.push_back(index);
    from.insert(from.end(), last, at.end());
    call.out().at(i) = data.at(element_of(from, data.shape));
  }
}

}  // namespace

Reference movement_reference(std::string_view op) {
  static const std::map<std::string, Reference, std::less<>> kTable{
      {"Reshape", run_view},  {"Flatten", run_view},  {"Squeeze", run_view}, {"Unsqueeze", run_view},
      {"Identity", run_view}, {"Slice", run_slice},   {"Pad", run_pad},      {"Transpose", run_transpose},
      {"Expand", run_expand}, {"Concat", run_concat}, {"Split", run_split},  {"Constant", run_constant},
      {"Gather", run_gather}};
  const auto found = kTable.find(op);
  return found == kTable.end() ? nullptr : found->second;
}

}  // namespace mp::runtime::testing
