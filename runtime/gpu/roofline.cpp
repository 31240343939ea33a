#include "runtime/gpu/roofline.hpp"

#include <algorithm>

#include "lib/cluster/efficiency.hpp"

namespace mp::runtime::gpu {
namespace {

WorkClass class_of(const StepWork& work) {
  for (const LoggedWork& launch : work.launches) {
    if (launch.kind == WorkKind::kProduct) return WorkClass::kMatmul;
    if (launch.kind == WorkKind::kAttention) return WorkClass::kAttention;
    if (launch.kind == WorkKind::kConvolution) return WorkClass::kConvolution;
  }
  return WorkClass::kVector;
}

// Arithmetic of kernels of our own is float32, whatever the operands are.
DataType computed_in(const StepWork& work, WorkClass kind) {
  return kind == WorkClass::kVector ? DataType::kFloat32 : work.type;
}

double peak_flops_per_s(const DeviceType& type, DataType element) {
  const auto found = type.flops_per_s.find(element);
  return found != type.flops_per_s.end() ? found->second : type.flops_per_s.at(DataType::kFloat32);
}

constexpr std::string_view kOtherKernels = "other kernels";

// Operators whose names begin like this.
struct Kind {
  std::string_view prefix;
  std::string_view name;
};
constexpr Kind kKinds[] = {{"LayerNormalization", "normalizations"},
                           {"RMSNormalization", "normalizations"},
                           {"BatchNormalization", "normalizations"},
                           {"GroupNormalization", "normalizations"},
                           {"SoftmaxCrossEntropy", "cross-entropy"},
                           {"Gather", "embeddings"},
                           {"AdamUpdate", "updates"},
                           {"SgdUpdate", "updates"},
                           {"Cast", "casts"},
                           {"Add", "additions"},
                           {"ReduceSum", "sums"}};

}  // namespace

WorkTime work_time(const StepWork& work, const DeviceType& type) {
  const WorkClass kind = class_of(work);
  const DataType element = computed_in(work, kind);
  const double moved = work.bytes_read + work.bytes_written;
  const double peak = peak_flops_per_s(type, element);
  const double arithmetic = work.flops / (peak * efficiency(type.efficiency, kind, element, work.flops));
  const double memory =
      moved / (type.memory_bandwidth_bytes_per_s * efficiency(type.efficiency, WorkClass::kMemory, element, moved));
  const double factor = work.is_misaligned() ? kMisalignedFactor : 1.0;
  return {std::max(work.flops / peak, moved / type.memory_bandwidth_bytes_per_s),
          static_cast<double>(work.launches.size()) * kGraphLaunchSeconds + std::max(arithmetic * factor, memory)};
}

std::string_view kind_of(const StepWork& work) {
  switch (class_of(work)) {
    case WorkClass::kMatmul:
      return work.is_misaligned() ? "products of misaligned rows" : "products";
    case WorkClass::kAttention:
      return "attention";
    case WorkClass::kConvolution:
      return "convolutions";
    case WorkClass::kVector:
    case WorkClass::kMemory:
      break;
  }
  if (work.operators.empty()) return "copies and sums of microbatches";
  for (const Kind& kind : kKinds) {
    if (work.operators.front().starts_with(kind.prefix)) return kind.name;
  }
  return kOtherKernels;
}

std::vector<KindSum> sums_by_kind(const std::vector<StepWork>& step, const DeviceType& type) {
  std::vector<KindSum> sums;
  for (const StepWork& work : step) {
    const std::string_view kind = kind_of(work);
    auto sum = std::find_if(sums.begin(), sums.end(), [&](const KindSum& s) { return s.kind == kind; });
    if (sum == sums.end()) sum = sums.insert(sums.end(), {.kind = kind});
    const WorkTime time = work_time(work, type);
    sum->launches += static_cast<std::int64_t>(work.launches.size());
    sum->flops += work.flops;
    sum->bytes_read += work.bytes_read;
    sum->bytes_written += work.bytes_written;
    sum->time.peak_s += time.peak_s;
    sum->time.expected_s += time.expected_s;
  }
  std::stable_sort(sums.begin(), sums.end(),
                   [](const KindSum& a, const KindSum& b) { return a.time.expected_s > b.time.expected_s; });
  return sums;
}

}  // namespace mp::runtime::gpu
