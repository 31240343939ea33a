#include "lib/program/parameter_fetches.hpp"

#include <map>

#include "lib/program/program.hpp"

namespace mp {
namespace {

// The windows of one device so far.
class Windows {
 public:
  explicit Windows(std::int64_t most_bytes) : most_bytes_(most_bytes) {}

  // Returns the window that begins with these reads; −1: none.
  std::int32_t read(const Graph& graph, const std::vector<TensorId>& parameters) {
    std::vector<TensorId> missing = fetched_before(parameters, newest() - 1);
    if (missing.empty()) return -1;
    const bool begins = windows_.empty() || windows_.back().size_bytes + size_of(graph, missing) > most_bytes_;
    if (begins) {
      missing = fetched_before(parameters, newest());  // with the new window, that before the last is dropped
      windows_.emplace_back();
    }
    for (const TensorId t : missing) {
      windows_.back().parameters.push_back(t);
      last_fetched_[t] = newest();
    }
    windows_.back().size_bytes += size_of(graph, missing);
    return begins ? newest() : -1;
  }

  [[nodiscard]] std::vector<FetchWindow> take() && { return std::move(windows_); }

 private:
  [[nodiscard]] std::int32_t newest() const { return static_cast<std::int32_t>(windows_.size()) - 1; }

  // Those that no window from `window` on has.
  [[nodiscard]] std::vector<TensorId> fetched_before(const std::vector<TensorId>& parameters,
                                                     std::int32_t window) const {
    std::vector<TensorId> found;
    for (const TensorId t : parameters) {
      const auto last = last_fetched_.find(t);
      if (last == last_fetched_.end() || last->second < window) found.push_back(t);
    }
    return found;
  }

  [[nodiscard]] static std::int64_t size_of(const Graph& graph, const std::vector<TensorId>& parameters) {
    std::int64_t sum = 0;
    for (const TensorId t : parameters) sum += aligned_bytes(bytes(graph.tensor(t).type));
    return sum;
  }

  std::int64_t most_bytes_;
  std::vector<FetchWindow> windows_;
  std::map<TensorId, std::int32_t> last_fetched_;  // in which window
};

}  // namespace

FetchPlan plan_fetches(const Graph& graph, const std::vector<FetchedReads>& reads,
                       const IdVector<DeviceId, std::int64_t>& most_bytes) {
  IdVector<DeviceId, Windows> of_device;
  for (const std::int64_t most : most_bytes) of_device.push_back(Windows(most));
  FetchPlan plan;
  plan.opens.reserve(reads.size());
  for (const FetchedReads& read : reads) {
    plan.opens.push_back(of_device[read.device].read(graph, read.parameters));
  }
  for (Windows& windows : of_device) plan.windows.push_back(std::move(windows).take());
  return plan;
}

}  // namespace mp
