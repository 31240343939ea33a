#include "partition/max_load/ideal_lattice.hpp"

#include <algorithm>

#include "lib/base/random.hpp"

namespace mp::partition {
namespace {

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

// Finds ideals by breadth, one size after the other, so that numbers grow with size.
class Enumeration {
 public:
  Enumeration(std::size_t units, const std::vector<std::pair<std::int32_t, std::int32_t>>& order)
      : predecessors_(units), successors_(units), keys_(units) {
    for (const auto& [before, after] : order) {
      predecessors_[at(after)].push_back(before);
      successors_[at(before)].push_back(after);
    }
    std::uint64_t state = 0x9e3779b97f4a7c15;
    for (std::uint64_t& key : keys_) {  // SplitMix64: Steele, Lea, Flood, OOPSLA 2014
      std::uint64_t z = (state += 0x9e3779b97f4a7c15);
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      key = z ^ (z >> 31);
    }
    lattice_.words = (units + 63) / 64;
    lattice_.sets.assign(lattice_.words, 0);
    hashes_.push_back(0);
    lattice_.offsets.push_back(0);
    table_.assign(1024, -1);
  }

  std::optional<IdealLattice> run(std::size_t max_bytes) && {
    for (std::size_t ideal = 0; ideal < hashes_.size(); ++ideal) {
      if (ideal == level_end_) begin_level();
      expand(ideal);
      lattice_.offsets.push_back(static_cast<std::int64_t>(lattice_.steps.size()));
      const std::size_t bytes = hashes_.size() * (lattice_.words * 8 + 24) + lattice_.steps.size() * sizeof(IdealStep);
      if (bytes > max_bytes) return std::nullopt;
    }
    return std::move(lattice_);
  }

 private:
  // Only ideals of the size being made can be met again.
  void begin_level() {
    level_begin_ = level_end_;
    level_end_ = hashes_.size();
    const std::size_t wanted = std::max<std::size_t>(1024, std::size_t{8} << bits(level_end_ - level_begin_));
    table_.assign(wanted, -1);
    filled_ = 0;
  }

  static std::size_t bits(std::size_t n) {
    std::size_t result = 0;
    while (n > 0) {
      n /= 2;
      ++result;
    }
    return result;
  }

  void expand(std::size_t ideal) {
    for (std::size_t unit = 0; unit < keys_.size(); ++unit) {
      if (has(ideal, unit) || !can_join(ideal, unit)) continue;
      lattice_.steps.push_back({static_cast<std::int32_t>(unit), joined(ideal, unit)});
    }
  }

  [[nodiscard]] bool has(std::size_t ideal, std::size_t unit) const {
    return lattice_.contains(ideal, static_cast<std::int32_t>(unit));
  }

  [[nodiscard]] bool can_join(std::size_t ideal, std::size_t unit) const {
    return std::all_of(predecessors_[unit].begin(), predecessors_[unit].end(),
                       [&](std::int32_t p) { return has(ideal, at(p)); });
  }

  std::int32_t joined(std::size_t ideal, std::size_t unit) {
    if (filled_ * 2 > table_.size()) grow();
    const std::uint64_t hash = hashes_[ideal] ^ keys_[unit];
    std::size_t slot = hash & (table_.size() - 1);
    for (; table_[slot] >= 0; slot = (slot + 1) & (table_.size() - 1)) {
      if (hashes_[at(table_[slot])] == hash && is_joined(at(table_[slot]), ideal, unit)) return table_[slot];
    }
    const auto made = static_cast<std::int32_t>(hashes_.size());
    table_[slot] = made;
    ++filled_;
    hashes_.push_back(hash);
    const std::size_t words = lattice_.words;
    for (std::size_t w = 0; w < words; ++w) lattice_.sets.push_back(lattice_.sets[ideal * words + w]);
    lattice_.sets[at(made) * words + unit / 64] |= std::uint64_t{1} << (unit % 64);
    return made;
  }

  [[nodiscard]] bool is_joined(std::size_t candidate, std::size_t ideal, std::size_t unit) const {
    const std::size_t words = lattice_.words;
    for (std::size_t w = 0; w < words; ++w) {
      std::uint64_t wanted = lattice_.sets[ideal * words + w];
      if (w == unit / 64) wanted |= std::uint64_t{1} << (unit % 64);
      if (lattice_.sets[candidate * words + w] != wanted) return false;
    }
    return true;
  }

  void grow() {
    table_.assign(table_.size() * 2, -1);
    for (std::size_t ideal = level_end_; ideal < hashes_.size(); ++ideal) {
      std::size_t slot = hashes_[ideal] & (table_.size() - 1);
      while (table_[slot] >= 0) slot = (slot + 1) & (table_.size() - 1);
      table_[slot] = static_cast<std::int32_t>(ideal);
    }
  }

  std::vector<std::vector<std::int32_t>> predecessors_;
  std::vector<std::vector<std::int32_t>> successors_;
  std::vector<std::uint64_t> keys_;    // of units; a set's hash is the exclusive or of its units' keys
  std::vector<std::uint64_t> hashes_;  // of ideals
  IdealLattice lattice_;
  std::vector<std::int32_t> table_;  // open addressing: the ideals of the size being made
  std::size_t filled_ = 0;
  std::size_t level_begin_ = 0;
  std::size_t level_end_ = 0;
};

}  // namespace

std::optional<IdealLattice> ideal_lattice(std::size_t units,
                                          const std::vector<std::pair<std::int32_t, std::int32_t>>& order,
                                          std::size_t max_bytes) {
  return Enumeration(units, order).run(max_bytes);
}

}  // namespace mp::partition
