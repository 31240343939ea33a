#include "lib/files/device_type_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/base/text.hpp"

namespace mp {
namespace {

constexpr auto kInline = JsonWriter::Layout::kInline;
constexpr std::array kTypes = {DataType::kFloat32, DataType::kBfloat16, DataType::kInt64};
constexpr std::array kWork = {WorkClass::kVector, WorkClass::kMatmul, WorkClass::kConvolution, WorkClass::kAttention,
                              WorkClass::kMemory};
constexpr std::string_view kAnyType = "any";

std::optional<DataType> find_type(std::string_view name) {
  const auto* known = std::find_if(kTypes.begin(), kTypes.end(), [&](DataType t) { return name_of(t) == name; });
  return known == kTypes.end() ? std::nullopt : std::optional(*known);
}

void read_speeds(JsonValue speeds, DeviceType& type) {
  for (const auto& [name, speed] : speeds.members()) {
    if (const std::optional<DataType> known = find_type(name)) {
      type.flops_per_s[*known] = speed.positive_number();
    } else {
      speed.issue(fmt::format("unknown type {}; known: float32, bfloat16, int64", quoted(name)));
    }
  }
  if (speeds.kind() == JsonKind::kObject && !type.flops_per_s.contains(DataType::kFloat32)) {
    speeds.issue("\"float32\" is missing");
  }
}

EfficiencyCurve::Point read_point(JsonValue value) {
  const std::vector<JsonValue> pair = value.items();
  if (pair.size() != 2) {
    if (value.kind() == JsonKind::kArray) value.issue("a pair is expected: [size, fraction of the peak]");
    return {.size = 1.0, .fraction = 1.0};
  }
  const EfficiencyCurve::Point point{.size = pair[0].positive_number(), .fraction = pair[1].positive_number()};
  if (point.fraction > 1.0) pair[1].issue("a fraction of the peak is at most 1");
  return point;
}

std::vector<EfficiencyCurve::Point> read_points(JsonValue value) {
  std::vector<EfficiencyCurve::Point> points;
  for (const JsonValue item : value.items()) {
    const EfficiencyCurve::Point point = read_point(item);
    if (!points.empty() && point.size <= points.back().size) item.issue("sizes must ascend");
    points.push_back(point);
  }
  if (points.empty()) {
    if (value.kind() == JsonKind::kArray) value.issue("at least one point is needed");
    points.push_back({.size = 1.0, .fraction = 1.0});
  }
  return points;
}

std::vector<EfficiencyCurve> read_efficiency(JsonValue value) {
  std::vector<EfficiencyCurve> curves;
  for (const auto& [work_name, of_work] : value.members()) {
    const auto* work =
        std::find_if(kWork.begin(), kWork.end(), [&, key = work_name](WorkClass w) { return name_of(w) == key; });
    if (work == kWork.end()) {
      of_work.issue(fmt::format("unknown kind of work {}; known: vector, matmul, convolution, attention, memory",
                                quoted(work_name)));
      continue;
    }
    for (const auto& [type_name, points] : of_work.members()) {
      const std::optional<DataType> type = find_type(type_name);
      if (!type && type_name != kAnyType) {
        points.issue(fmt::format("unknown type {}; known: float32, bfloat16, int64, any", quoted(type_name)));
      }
      curves.push_back({.work = *work, .type = type, .points = read_points(points)});
    }
  }
  std::stable_sort(curves.begin(), curves.end(),
                   [](const EfficiencyCurve& a, const EfficiencyCurve& b) { return a.work < b.work; });
  return curves;
}

void write_efficiency(JsonWriter& writer, const std::vector<EfficiencyCurve>& curves) {
  writer.begin_object();
  for (const WorkClass work : kWork) {
    const auto is_of_work = [work](const EfficiencyCurve& curve) { return curve.work == work; };
    if (std::none_of(curves.begin(), curves.end(), is_of_work)) continue;
    writer.key(name_of(work)).begin_object();
    for (const EfficiencyCurve& curve : curves) {
      if (!is_of_work(curve)) continue;
      writer.key(curve.type ? name_of(*curve.type) : kAnyType).begin_array();
      for (const EfficiencyCurve::Point& point : curve.points) {
        writer.begin_array().value(point.size).value(point.fraction).end();
      }
      writer.end();
    }
    writer.end();
  }
  writer.end();
}

}  // namespace

DeviceType read_device_type(JsonValue value) {
  const JsonObject fields = value.object({"name", "memory_bytes", "flops_per_s", "memory_bandwidth_bytes_per_s",
                                          "launch_overhead_s", "efficiency", "in_host_memory"});
  DeviceType type{.name = fields.require("name").nonempty_string(),
                  .memory_bytes = fields["memory_bytes"].integer(0),
                  .flops_per_s = {},
                  .memory_bandwidth_bytes_per_s = fields.require("memory_bandwidth_bytes_per_s").positive_number(),
                  .launch_overhead_s = fields["launch_overhead_s"].number_at_least(0.0),
                  .in_host_memory = fields["in_host_memory"].boolean()};
  read_speeds(fields.require("flops_per_s"), type);
  type.efficiency = read_efficiency(fields["efficiency"]);
  return type;
}

void write_device_type(JsonWriter& writer, const DeviceType& type) {
  writer.begin_object(kInline).member("name", type.name);
  if (type.memory_bytes != 0) writer.member("memory_bytes", type.memory_bytes);
  writer.key("flops_per_s").begin_object();
  for (const auto& [data_type, speed] : type.flops_per_s) writer.member(name_of(data_type), speed);
  writer.end().member("memory_bandwidth_bytes_per_s", type.memory_bandwidth_bytes_per_s);
  writer.member("launch_overhead_s", type.launch_overhead_s);
  if (type.in_host_memory) writer.member("in_host_memory", true);
  if (!type.efficiency.empty()) write_efficiency(writer.key("efficiency"), type.efficiency);
  writer.end();
}

}  // namespace mp
