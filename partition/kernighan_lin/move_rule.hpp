// What a refiner may do beyond what balance allows.
#pragma once

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// Asked before every move; the rule sees the partition as it is then. A move of v may change what is allowed for v
// and for the vertices that share an edge with it only, or searches will miss (never wrongly take) moves.
class MoveRule {
 public:
  MoveRule() = default;
  MoveRule(const MoveRule&) = delete;
  MoveRule& operator=(const MoveRule&) = delete;
  virtual ~MoveRule() = default;
  [[nodiscard]] virtual bool allows(VertexId v, BlockId to) const = 0;
};

}  // namespace mp::partition
