// Which set of units one device should take: the dearest, at given prices, whose load stays below a limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "partition/max_load/load_nets.hpp"

namespace mp::partition {

struct PricedSet {
  std::int64_t price = 0;
  std::vector<std::int32_t> units;  // in no order to rely on
};

// The device of a class, loaded with the seconds of the units in its set, and with every net that has some of its units
// in the set and some elsewhere. Units are looked at one after another; all that counts of those behind is, for each
// net that still has units ahead, whether all of its units were taken, or none, or some (then it is paid). So there are
// as many states as a cut of that order is wide, and in each of them only the sets that are dearer than all lighter
// ones.
class DeviceSets {
 public:
  struct Arc {
    std::int32_t from = 0;  // state before the unit
    bool takes = false;
    double seconds = 0.0;  // of the unit, if taken, and of nets that are split by this
  };

  // seconds: of every unit on this class of devices (infinity: not there). nullopt where there are more states than
  // `max_states` at some place of the order. Nets that nobody pays for are left out by the caller.
  static std::optional<DeviceSets> make(std::vector<double> seconds, std::span<const LoadNet> nets,
                                        const std::vector<std::int32_t>& order, std::size_t max_states);

  // The dearest set whose load is below the limit, without the units forbidden (by unit; empty: none is). Prices may be
  // negative; the empty set costs nothing. nullopt where that would take too much memory.
  std::optional<PricedSet> dearest(std::span<const std::int32_t> prices, double limit,
                                   const std::vector<bool>& forbidden = {});

  // Sets looked at so far: a measure of time that is the same on every machine.
  [[nodiscard]] std::int64_t looked_at() const { return looked_at_; }

 private:
  struct Label {
    double seconds = 0.0;
    std::int32_t price = 0;
    std::int32_t parent = -1;  // the label before
    bool takes = false;
  };
  struct Step {
    std::int32_t unit = 0;
    std::vector<std::int32_t> first;  // arcs into state s: arcs[first[s]] … arcs[first[s + 1]]
    std::vector<Arc> arcs;
  };
  struct Head {
    std::int32_t label = 0;
    std::int32_t end = 0;
    double seconds = 0.0;  // what the arc adds
    double now = 0.0;      // of its label
    std::int32_t price = 0;
    bool takes = false;
  };

  void merge(double limit);
  void advance(Head& head, std::int32_t dearest) const;

  std::vector<Step> steps_;
  std::vector<Label> labels_;
  std::vector<Head> heads_;
  std::int64_t looked_at_ = 0;
};

// An order of the units whose cuts split few nets at a time: greedily from several starts, the best of them.
[[nodiscard]] std::vector<std::int32_t> narrow_order(std::size_t units, std::span<const LoadNet> nets);

}  // namespace mp::partition
