// Weights as safetensors: what one run has learnt and another starts from.
#pragma once

#include <string>
#include <vector>

#include "lib/files/safetensors.hpp"
#include "runtime/executor.hpp"
#include "runtime/stored_parameters.hpp"

namespace mp::runtime {

// The parameters of the model itself: trained ones and its state (running means …), not the optimizer's.
[[nodiscard]] std::vector<TensorId> model_parameters(const TrainingGraph& training);

// Of ranks, rank 0 alone writes and reads files; all of them call these functions alike.

// Writes the model's parameters under their names, trained ones in float32. Atomic: throws RunError and leaves `path`
// as it was.
void save_weights(Executor& executor, const std::string& path);

// Sets them from a file, under whatever placement and precision it was written; a checkpoint will do, its optimizer
// state is left alone. Throws InputError naming everything that is missing, unknown to the model, or of another shape or
// type.
void load_weights(Executor& executor, const std::string& path);

// Sets the model's parameters, and where asked what its optimizer keeps, from a file that has them all and no tensor
// unknown to both; verifies its checksum first. Throws InputError like load_weights(), and where the file has the state
// of another optimizer.
void load_parameters(Executor& executor, const SafetensorsFile& file, Stored which);
// What the other ranks do meanwhile.
void receive_parameters(Executor& executor, Stored which);

// The same from an executor whose model has them all.
void copy_weights(Executor& from, Executor& to);

}  // namespace mp::runtime
