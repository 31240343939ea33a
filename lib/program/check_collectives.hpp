// What the checker knows of collectives: who has started, what they bring, who may finish.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/program/check_arena.hpp"
#include "lib/program/check_values.hpp"
#include "lib/program/collective_pieces.hpp"
#include "lib/program/program.hpp"
#include "lib/program/replication.hpp"

namespace mp {

// All of them outlive it. Each function returns what is broken.
class CheckedCollectives {
 public:
  CheckedCollectives(const Program& program, const ValueNames& names, const Replication& replication,
                     IdVector<DeviceId, CheckedArena>& arenas);

  [[nodiscard]] std::vector<std::string> start(DeviceId device, const Instruction& instruction);
  [[nodiscard]] std::vector<std::string> finish(DeviceId device, const Instruction& instruction);
  [[nodiscard]] std::vector<std::string> at_end() const;

 private:
  struct State {
    std::set<DeviceId> started;
    std::set<DeviceId> finished;
    std::vector<Value> values;  // beside the tensors: what their roots give to all
  };
  // Members that share collectives start them in the same order; those that add apart from those that spread.
  struct Lane {
    std::vector<std::int32_t> order;
    std::map<DeviceId, std::size_t> next;
  };
  void join_lane(DeviceId device, std::int32_t id, std::vector<std::string>& issues);
  void check_group(const Collective& collective, std::vector<std::string>& issues) const;
  void give(DeviceId device, const Instruction& instruction, std::vector<std::string>& issues);
  [[nodiscard]] Value expected_of(const Collective& collective, TensorId tensor, DeviceId device) const;
  [[nodiscard]] Value result_of(std::int32_t collective, std::size_t tensor) const;
  // All buffers of a piece on a device, as one.
  [[nodiscard]] Buffer as_one(DeviceId device, const std::vector<BufferId>& operands, const PieceOperand& piece) const;
  [[nodiscard]] std::int32_t loan(std::int32_t collective, std::size_t piece, bool is_output) const;

  const Program& program_;
  const ValueNames& names_;
  const Replication& replication_;
  IdVector<DeviceId, CheckedArena>& arenas_;
  std::vector<State> states_;
  std::vector<std::int32_t> first_loan_;  // beside the collectives
  std::map<std::pair<bool, std::vector<DeviceId>>, Lane> lanes_;
};

}  // namespace mp
