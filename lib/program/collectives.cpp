#include "lib/program/collectives.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/program/collective_cost.hpp"
#include "lib/program/collective_pieces.hpp"
#include "lib/program/find_collectives.hpp"

namespace mp {
namespace {

// A new instruction of a device, put in before the step of that place in Program::order.
struct Insertion {
  std::size_t place = 0;
  bool is_finish = false;  // at one place, those that begin something go first
  std::size_t number = 0;
  DeviceId device = kNone<DeviceId>;
  Instruction instruction;
};

class Rewriter {
 public:
  Rewriter(Program program, const Cluster& cluster)
      : program_(std::move(program)), routes_(cluster), places_(program_.devices.size()) {
    for (std::size_t i = 0; i < program_.order.size(); ++i) places_[program_.order[i].device].push_back(i);
    is_removed_.assign(program_.order.size(), false);
    stay_behind_those_there_are();
  }

  Program run() && {
    std::vector<CollectiveMatch> matches = find_collectives(program_);
    std::stable_sort(matches.begin(), matches.end(),
                     [&](const CollectiveMatch& a, const CollectiveMatch& b) { return last_start(a) < last_start(b); });
    for (CollectiveMatch& match : matches) put_in(std::move(match));
    if (insertions_.empty()) return std::move(program_);
    drop_messages();
    rebuild();
    return std::move(program_);
  }

 private:
  using Lane = std::pair<bool, std::vector<DeviceId>>;  // whose collectives all members start in one order

  [[nodiscard]] std::size_t place(DeviceId d, std::int32_t position) const {
    const std::vector<std::size_t>& places = places_[d];
    const auto p = static_cast<std::size_t>(position);
    return p < places.size() ? places[p] : program_.order.size();
  }

  void stay_behind_those_there_are() {
    for (std::size_t i = 0; i < program_.order.size(); ++i) {
      const Instruction& instruction = at(program_.order[i]);
      if (instruction.opcode != Opcode::kStartCollective) continue;
      started_[lane_of(program_.collectives[static_cast<std::size_t>(instruction.collective)])]
              [program_.order[i].device] = i + 1;
    }
  }

  [[nodiscard]] static Lane lane_of(const Collective& collective) {
    return {is_sum(collective.kind), collective.members};
  }

  [[nodiscard]] std::size_t last_start(const CollectiveMatch& match) const {
    std::size_t last = 0;
    for (const CollectiveMatch::Part& part : match.parts) last = std::max(last, place(part.device, part.start));
    return last;
  }

  [[nodiscard]] bool is_worthwhile(const Collective& collective) const {
    return collective.kind == CollectiveKind::kAllReduce ||
           cost_of(collective, routes_).seconds <= seconds_of_messages(collective, routes_);
  }

  // Members start behind what they started before in the lane; nobody may have to be done before the last has started.
  void put_in(CollectiveMatch match) {
    std::map<DeviceId, std::size_t>& started = started_[lane_of(match.collective)];
    std::map<DeviceId, std::size_t> starts;
    std::size_t last = 0;
    std::size_t first_finish = program_.order.size();
    for (const CollectiveMatch::Part& part : match.parts) {
      std::size_t& start = starts[part.device];
      start = std::max(place(part.device, part.start), started[part.device]);
      last = std::max(last, start);
      first_finish = std::min(first_finish, place(part.device, part.finish));
    }
    if (last > first_finish || !is_worthwhile(match.collective)) return;  // stays as it is
    started = starts;
    for (const Program::Step& step : match.removed) is_removed_[place(step.device, step.instruction)] = true;
    for (const CollectiveMatch::Part& part : match.parts) insert(match.collective, part, starts[part.device]);
    program_.collectives.push_back(std::move(match.collective));
  }

  void insert(const Collective& collective, const CollectiveMatch::Part& part, std::size_t start) {
    Instruction instruction{.opcode = Opcode::kStartCollective,
                            .tensor = collective.tensors.front(),
                            .collective = static_cast<std::int32_t>(program_.collectives.size()),
                            .inputs = part.gives,
                            .outputs = part.gets};
    insertions_.push_back({start, false, insertions_.size(), part.device, instruction});
    instruction.opcode = Opcode::kFinishCollective;
    const std::size_t finish = place(part.device, part.finish);
    insertions_.push_back({finish, true, insertions_.size(), part.device, std::move(instruction)});
    for (const auto& [from, to] : part.copies) {
      const TensorId tensor = program_.devices[part.device].buffers[from].tensor;
      insertions_.push_back(
          {finish,
           true,
           insertions_.size(),
           part.device,
           {.opcode = Opcode::kCopy, .tensor = tensor, .microbatch = -1, .inputs = {from}, .outputs = {to}}});
    }
  }

  void drop_messages() {
    std::vector<bool> is_dropped(program_.messages.size(), false);
    for (std::size_t i = 0; i < is_removed_.size(); ++i) {
      const std::int32_t message = at(program_.order[i]).message;
      if (is_removed_[i] && message >= 0) is_dropped[static_cast<std::size_t>(message)] = true;
    }
    std::vector<std::int32_t> numbers(program_.messages.size(), -1);
    std::vector<Message> kept;
    for (std::size_t m = 0; m < program_.messages.size(); ++m) {
      if (is_dropped[m]) continue;
      numbers[m] = static_cast<std::int32_t>(kept.size());
      kept.push_back(std::move(program_.messages[m]));
    }
    program_.messages = std::move(kept);
    for (DeviceProgram& device : program_.devices) {
      for (Instruction& instruction : device.instructions) {
        if (instruction.message >= 0) instruction.message = numbers[static_cast<std::size_t>(instruction.message)];
      }
    }
  }

  [[nodiscard]] Instruction& at(const Program::Step& step) {
    return program_.devices[step.device].instructions[static_cast<std::size_t>(step.instruction)];
  }

  void rebuild() {
    std::sort(insertions_.begin(), insertions_.end(), [](const Insertion& a, const Insertion& b) {
      return std::tie(a.place, a.is_finish, a.number) < std::tie(b.place, b.is_finish, b.number);
    });
    IdVector<DeviceId, std::vector<Instruction>> lists(program_.devices.size());
    std::vector<Program::Step> order;
    const auto append = [&](DeviceId d, Instruction instruction) {
      order.push_back({d, static_cast<std::int32_t>(lists[d].size())});
      lists[d].push_back(std::move(instruction));
    };
    auto next = insertions_.begin();
    for (std::size_t i = 0; i <= program_.order.size(); ++i) {
      for (; next != insertions_.end() && next->place == i; ++next) append(next->device, std::move(next->instruction));
      if (i == program_.order.size() || is_removed_[i]) continue;
      append(program_.order[i].device, std::move(at(program_.order[i])));
    }
    for (const DeviceId d : ids<DeviceId>(lists.size())) program_.devices[d].instructions = std::move(lists[d]);
    program_.order = std::move(order);
  }

  Program program_;
  Routes routes_;
  IdVector<DeviceId, std::vector<std::size_t>> places_;  // in the order, of each instruction of a list
  std::vector<bool> is_removed_;                         // beside the order
  std::vector<Insertion> insertions_;
  std::map<Lane, std::map<DeviceId, std::size_t>> started_;
};

}  // namespace

Program with_collectives(Program program, const Cluster& cluster) {
  return Rewriter(std::move(program), cluster).run();
}

}  // namespace mp
