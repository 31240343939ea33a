#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "lib/costs/profile.hpp"

namespace mp {
namespace {

bool is_bound_by_flops(WorkClass work) { return work != WorkClass::kVector && work != WorkClass::kMemory; }

// What bounds a node of its kind.
struct Rate {
  WorkClass work = WorkClass::kMemory;
  double size = 0.0;
  double per_s = 0.0;
};

std::vector<Rate> rates_of(const std::vector<MeasuredNode>& nodes, double overhead_s) {
  std::vector<Rate> rates;
  for (const MeasuredNode& node : nodes) {
    const bool by_flops = is_bound_by_flops(node.work) && node.flops > 0.0;
    const double size = by_flops ? node.flops : node.moved_bytes;
    const double seconds = node.seconds - overhead_s;
    if (size > 0.0 && seconds > 0.0) rates.push_back({by_flops ? node.work : WorkClass::kMemory, size, size / seconds});
  }
  return rates;
}

double highest(const std::vector<Rate>& rates, bool by_flops, double otherwise) {
  double peak = 0.0;
  for (const Rate& rate : rates) {
    if (is_bound_by_flops(rate.work) == by_flops) peak = std::max(peak, rate.per_s);
  }
  return peak > 0.0 ? peak : otherwise;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// One point per factor of 4 in size that some node falls into.
EfficiencyCurve curve_of(const std::vector<Rate>& rates, WorkClass work, double peak) {
  constexpr double kFactor = 4.0;
  std::map<int, std::vector<double>> buckets;
  for (const Rate& rate : rates) {
    if (rate.work == work) {
      buckets[static_cast<int>(std::floor(std::log(rate.size) / std::log(kFactor)))].push_back(rate.per_s / peak);
    }
  }
  EfficiencyCurve curve{.work = work, .type = {}, .points = {}};
  for (auto& [bucket, fractions] : buckets) {
    curve.points.push_back({std::pow(kFactor, bucket + 0.5), std::min(1.0, median(std::move(fractions)))});
  }
  return curve;
}

}  // namespace

DeviceType fitted_roofline(const std::vector<MeasuredNode>& nodes, std::string name) {
  DeviceType type = uniform_cluster(1).types.front();
  type.name = std::move(name);
  type.memory_bytes = 0;
  if (nodes.empty()) return type;
  constexpr double kBelowAll = 0.5;  // so that the least node, too, has some time left for its bytes
  type.launch_overhead_s = kBelowAll * std::min_element(nodes.begin(), nodes.end(), [](const auto& a, const auto& b) {
                                         return a.seconds < b.seconds;
                                       })->seconds;
  const std::vector<Rate> rates = rates_of(nodes, type.launch_overhead_s);
  const double flops_per_s = highest(rates, true, type.flops_per_s.at(DataType::kFloat32));
  type.flops_per_s = {{DataType::kFloat32, flops_per_s}};
  type.memory_bandwidth_bytes_per_s = highest(rates, false, type.memory_bandwidth_bytes_per_s);
  for (const WorkClass work :
       {WorkClass::kMatmul, WorkClass::kConvolution, WorkClass::kAttention, WorkClass::kMemory}) {
    EfficiencyCurve curve =
        curve_of(rates, work, work == WorkClass::kMemory ? type.memory_bandwidth_bytes_per_s : flops_per_s);
    if (!curve.points.empty()) type.efficiency.push_back(std::move(curve));
  }
  return type;
}

}  // namespace mp
