#include "partition/max_load/order_groups.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <queue>

namespace mp::partition {
namespace {

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

std::vector<std::vector<std::int32_t>> successors_of(std::size_t units, const UnitOrder& order) {
  std::vector<std::vector<std::int32_t>> successors(units);
  for (const auto& [before, after] : order) successors[at(before)].push_back(after);
  return successors;
}

// Tarjan's algorithm without recursion; components come out last first.
class Components {
 public:
  explicit Components(const std::vector<std::vector<std::int32_t>>& successors)
      : successors_(successors),
        component_(successors.size(), -1),
        number_(successors.size(), -1),
        low_(successors.size(), 0),
        next_(successors.size(), 0) {}

  std::vector<std::int32_t> run() && {
    for (std::size_t unit = 0; unit < successors_.size(); ++unit) {
      if (number_[unit] < 0) visit(static_cast<std::int32_t>(unit));
    }
    return std::move(component_);
  }

 private:
  void enter(std::int32_t unit) {
    number_[at(unit)] = low_[at(unit)] = count_++;
    path_.push_back(unit);
    open_.push_back(unit);
  }

  void visit(std::int32_t root) {
    enter(root);
    while (!path_.empty()) {
      const std::int32_t unit = path_.back();
      if (next_[at(unit)] < successors_[at(unit)].size()) {
        const std::int32_t to = successors_[at(unit)][next_[at(unit)]++];
        if (number_[at(to)] < 0) {
          enter(to);
        } else if (component_[at(to)] < 0) {
          low_[at(unit)] = std::min(low_[at(unit)], number_[at(to)]);
        }
        continue;
      }
      path_.pop_back();
      if (!path_.empty()) low_[at(path_.back())] = std::min(low_[at(path_.back())], low_[at(unit)]);
      if (low_[at(unit)] == number_[at(unit)]) leave(unit);
    }
  }

  void leave(std::int32_t root) {
    for (std::int32_t unit = -1; unit != root;) {
      unit = open_.back();
      open_.pop_back();
      component_[at(unit)] = components_;
    }
    ++components_;
  }

  const std::vector<std::vector<std::int32_t>>& successors_;
  std::vector<std::int32_t> component_;
  std::vector<std::int32_t> number_;
  std::vector<std::int32_t> low_;
  std::vector<std::size_t> next_;
  std::vector<std::int32_t> path_;
  std::vector<std::int32_t> open_;
  std::int32_t count_ = 0;
  std::int32_t components_ = 0;
};

std::vector<std::int32_t> indegrees_of(const std::vector<std::vector<std::int32_t>>& successors) {
  std::vector<std::int32_t> waiting(successors.size(), 0);
  for (const std::vector<std::int32_t>& list : successors) {
    for (const std::int32_t to : list) ++waiting[at(to)];
  }
  return waiting;
}

}  // namespace

OrderGroups order_groups(std::size_t units, const UnitOrder& order) {
  const std::vector<std::int32_t> component = Components(successors_of(units, order)).run();
  OrderGroups result{.group_of = std::vector<std::int32_t>(units, -1), .groups = 0};
  for (const std::int32_t c : component) result.groups = std::max(result.groups, c + 1);
  std::vector<std::int32_t> first(at(result.groups), static_cast<std::int32_t>(units));
  for (std::size_t unit = units; unit-- > 0;) first[at(component[unit])] = static_cast<std::int32_t>(unit);
  UnitOrder between;
  for (const auto& [before, after] : order) {
    if (component[at(before)] != component[at(after)])
      between.emplace_back(component[at(before)], component[at(after)]);
  }
  std::sort(between.begin(), between.end());
  between.erase(std::unique(between.begin(), between.end()), between.end());
  const auto successors = successors_of(at(result.groups), between);
  std::vector<std::int32_t> waiting = indegrees_of(successors);
  using Entry = std::pair<std::int32_t, std::int32_t>;  // smallest unit, component
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  for (std::size_t c = 0; c < waiting.size(); ++c) {
    if (waiting[c] == 0) ready.emplace(first[c], static_cast<std::int32_t>(c));
  }
  std::vector<std::int32_t> position(at(result.groups), 0);
  for (std::int32_t next = 0; !ready.empty(); ++next) {
    const std::int32_t c = ready.top().second;
    ready.pop();
    position[at(c)] = next;
    for (const std::int32_t to : successors[at(c)]) {
      if (--waiting[at(to)] == 0) ready.emplace(first[at(to)], to);
    }
  }
  for (std::size_t unit = 0; unit < units; ++unit) result.group_of[unit] = position[at(component[unit])];
  return result;
}

std::vector<std::int32_t> linear_order(std::size_t units, const UnitOrder& order, Traversal traversal) {
  const auto successors = successors_of(units, order);
  std::vector<std::int32_t> waiting = indegrees_of(successors);
  std::deque<std::int32_t> ready;
  for (std::size_t unit = 0; unit < units; ++unit) {
    if (waiting[unit] == 0) ready.push_back(static_cast<std::int32_t>(unit));
  }
  std::vector<std::int32_t> result;
  while (!ready.empty()) {
    const std::int32_t unit = ready.front();
    ready.pop_front();
    result.push_back(unit);
    for (const std::int32_t to : successors[at(unit)]) {
      if (--waiting[at(to)] > 0) continue;
      if (traversal == Traversal::kDepth) {
        ready.push_front(to);
      } else {
        ready.push_back(to);
      }
    }
  }
  return result;
}

}  // namespace mp::partition
