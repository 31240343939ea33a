// A checkpoint: everything a run needs to go on as if it had never stopped, in one safetensors file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/files/safetensors.hpp"
#include "runtime/executor.hpp"
#include "runtime/stored_parameters.hpp"

namespace mp::runtime {

// How far a run has come, and what decides the numbers of its following steps ("seed", "optimizer", "batch" …, as
// text). Data order and random numbers are functions of seed and step: they need no state of their own.
struct RunState {
  std::int64_t step = 0;  // steps done
  Metadata settings;
  Metadata progress{};  // what the run itself keeps from step to step: the best measurement so far …
  friend bool operator==(const RunState&, const RunState&) = default;
};

// The values of all parameters (weights, model state, optimizer state) at one step, in host memory.
class Snapshot {
 public:
  // Allocates the memory once: of ranks, on rank 0 alone, which writes.
  explicit Snapshot(const Executor& executor);
  // Copies the values from the devices; between steps.
  void take(Executor& executor, RunState state);
  // Writes what was taken: atomically, with a checksum. From any thread; throws RunError naming path and reason.
  void write(const std::string& path) const;
  [[nodiscard]] std::int64_t size_bytes() const { return static_cast<std::int64_t>(values_.size()); }

 private:
  std::string model_;
  std::vector<StoredParameter> parameters_;
  std::vector<TensorToStore> tensors_;
  std::vector<std::byte> values_;
  RunState state_;
};

// Sets all parameters from a checkpoint of the same model, whatever its plan was. Throws InputError: not a whole file
// (its checksum is verified first), no checkpoint, or one of another model or optimizer, naming what differs.
[[nodiscard]] RunState load_checkpoint(Executor& executor, const std::string& path);
// What the other ranks do meanwhile.
void receive_checkpoint(Executor& executor);

// Throws InputError where the file is cut off, altered or no checkpoint.
void verify_checkpoint(const std::string& path);

}  // namespace mp::runtime
