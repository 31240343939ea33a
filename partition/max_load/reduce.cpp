#include "partition/max_load/reduce.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "partition/max_load/order_groups.hpp"

namespace mp::partition {
namespace {

constexpr std::size_t kMaxUnitsWithReach = 16384;  // 32 MiB of bits

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

bool has(const std::vector<std::int32_t>& list, std::int32_t unit) {
  return std::find(list.begin(), list.end(), unit) != list.end();
}

// Which unit comes somewhere before which.
class Reach {
 public:
  Reach(std::size_t units, const UnitOrder& order) : words_((units + 63) / 64) {
    if (units > kMaxUnitsWithReach) return;
    bits_.assign(units * words_, 0);
    std::vector<std::vector<std::int32_t>> after(units);
    for (const auto& [a, b] : order) after[at(a)].push_back(b);
    std::vector<std::int32_t> backwards = linear_order(units, order, Traversal::kBreadth);
    std::reverse(backwards.begin(), backwards.end());
    for (const std::int32_t unit : backwards) {
      std::uint64_t* row = bits_.data() + at(unit) * words_;
      row[at(unit) / 64] |= std::uint64_t{1} << (at(unit) % 64);
      for (const std::int32_t next : after[at(unit)]) {
        for (std::size_t w = 0; w < words_; ++w) row[w] |= bits_[at(next) * words_ + w];
      }
    }
  }
  [[nodiscard]] bool before(std::int32_t a, std::int32_t b) const {
    if (a == b) return true;
    return !bits_.empty() && (bits_[at(a) * words_ + at(b) / 64] >> (at(b) % 64) & 1U) != 0;
  }

 private:
  std::size_t words_;
  std::vector<std::uint64_t> bits_;
};

// One sweep over the units; what is absorbed absorbs nothing itself in the same sweep.
class Sweep {
 public:
  Sweep(const LoadProblem& problem, bool keep_order)
      : problem_(problem),
        keep_order_(keep_order),
        reach_(keep_order ? problem.units() : 0, keep_order ? problem.order : UnitOrder{}),
        made_(problem.units()),
        read_(problem.units()),
        before_(problem.units()),
        after_(problem.units()),
        into_(problem.units(), -1),
        absorbs_(problem.units(), false) {
    for (std::size_t t = 0; t < problem.tensors.size(); ++t) {
      if (problem.tensors[t].transfer_s <= 0.0) continue;
      made_[at(problem.tensors[t].producer)].push_back(static_cast<std::int32_t>(t));
      for (const std::int32_t reader : problem.tensors[t].readers)
        read_[at(reader)].push_back(static_cast<std::int32_t>(t));
    }
    for (const auto& [a, b] : problem.order) {
      after_[at(a)].push_back(b);
      before_[at(b)].push_back(a);
    }
  }

  // The group of every unit, and how many groups there are.
  std::pair<std::vector<std::int32_t>, std::int32_t> run() && {
    for (std::size_t unit = 0; unit < problem_.units(); ++unit) {
      if (!absorbs_[unit] && is_weightless(unit)) absorb(static_cast<std::int32_t>(unit));
    }
    std::vector<std::int32_t> group(problem_.units(), -1);
    std::int32_t groups = 0;
    for (std::size_t unit = 0; unit < group.size(); ++unit) {
      if (into_[unit] < 0) group[unit] = groups++;
    }
    for (std::size_t unit = 0; unit < group.size(); ++unit) {
      if (into_[unit] >= 0) group[unit] = group[at(into_[unit])];
    }
    return {std::move(group), groups};
  }

 private:
  [[nodiscard]] bool is_weightless(std::size_t unit) const {
    const bool takes_no_time =
        std::all_of(problem_.seconds.begin(), problem_.seconds.end(), [&](const auto& s) { return s[unit] == 0.0; });
    return takes_no_time && problem_.bytes[unit] == 0 && problem_.fixed_device(unit) < 0;
  }

  void absorb(std::int32_t unit) {
    for (const std::int32_t other : neighbours(unit)) {
      if (into_[at(other)] >= 0 || !costs_nothing(unit, other)) continue;
      if (keep_order_ && !keeps_order(unit, other)) continue;
      into_[at(unit)] = other;
      absorbs_[at(other)] = true;
      return;
    }
  }

  [[nodiscard]] std::vector<std::int32_t> neighbours(std::int32_t unit) const {
    std::vector<std::int32_t> near;
    if (keep_order_) {
      near = after_[at(unit)];
      near.insert(near.end(), before_[at(unit)].begin(), before_[at(unit)].end());
    } else {
      for (const std::int32_t t : made_[at(unit)]) {
        const std::vector<std::int32_t>& readers = problem_.tensors[at(t)].readers;
        near.insert(near.end(), readers.begin(), readers.end());
      }
      for (const std::int32_t t : read_[at(unit)]) near.push_back(problem_.tensors[at(t)].producer);
    }
    std::sort(near.begin(), near.end());
    near.erase(std::unique(near.begin(), near.end()), near.end());
    return near;
  }

  // See absorb_weightless().
  [[nodiscard]] bool costs_nothing(std::int32_t unit, std::int32_t other) const {
    const auto& tensors = problem_.tensors;
    return std::all_of(made_[at(unit)].begin(), made_[at(unit)].end(),
                       [&](std::int32_t t) { return has(tensors[at(t)].readers, other); }) &&
           std::all_of(read_[at(unit)].begin(), read_[at(unit)].end(), [&](std::int32_t t) {
             return tensors[at(t)].producer == other || has(tensors[at(t)].readers, other);
           });
  }

  [[nodiscard]] bool keeps_order(std::int32_t unit, std::int32_t other) const {
    const std::vector<std::int32_t>& after = after_[at(unit)];
    const std::vector<std::int32_t>& before = before_[at(unit)];
    if (has(after, other)) {
      return std::all_of(after.begin(), after.end(), [&](std::int32_t b) { return reach_.before(other, b); });
    }
    return has(before, other) &&
           std::all_of(before.begin(), before.end(), [&](std::int32_t a) { return reach_.before(a, other); });
  }

  const LoadProblem& problem_;
  const bool keep_order_;
  const Reach reach_;
  std::vector<std::vector<std::int32_t>> made_;  // tensors of each unit that cost something to move
  std::vector<std::vector<std::int32_t>> read_;
  std::vector<std::vector<std::int32_t>> before_;
  std::vector<std::vector<std::int32_t>> after_;
  std::vector<std::int32_t> into_;  // the unit that absorbed it, or −1
  std::vector<bool> absorbs_;
};

}  // namespace

Reduction absorb_weightless(const LoadProblem& problem, bool keep_order) {
  Reduction result{.problem = problem, .group_of = std::vector<std::int32_t>(problem.units())};
  std::iota(result.group_of.begin(), result.group_of.end(), 0);
  for (;;) {
    const auto [group, groups] = Sweep(result.problem, keep_order).run();
    if (at(groups) == result.problem.units()) return result;
    result.problem = merge_units(result.problem, group, groups);
    for (std::int32_t& g : result.group_of) g = group[at(g)];
  }
}

}  // namespace mp::partition
