// Merging what cannot be parted, where blocks must not form a cycle.
#pragma once

#include "partition/acyclic/task_dag.hpp"
#include "partition/exact/inseparable.hpp"

namespace mp::partition {

struct ReducedDag {
  TaskDag dag;
  Classes classes;  // which vertex of `dag` a vertex of the original became
};

// Merges vertices that no acyclic partition of cut below `bound` parts: those joined by too much weight, and all
// that lies on a path between two merged ones (they would close a cycle of blocks); until nothing merges any more.
[[nodiscard]] ReducedDag reduce_dag(const TaskDag& dag, Weight bound);

}  // namespace mp::partition
