// Curves for TensorBoard: an event file of scalars, written as training goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/metrics.hpp"

namespace mp::runtime {

struct Scalar {
  std::string_view tag;  // "train/loss": what stands before the slash groups charts
  double value = 0.0;    // stored as float32, as TensorBoard has it
};

// Records of an event file (tensorflow/core/util/event.proto) in the framing of TFRecord files: the length, its
// checksum, the event, its checksum (tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details").
// `wall_time_s`: since 1970.
[[nodiscard]] std::string first_record(double wall_time_s);
[[nodiscard]] std::string scalar_record(double wall_time_s, std::int64_t step, std::span<const Scalar> scalars);

// Bytes of the records up to step `step`; those behind a broken record do not count.
[[nodiscard]] std::size_t records_until(std::string_view file, std::int64_t step);

// FOLDER/events.out.tfevents.mprun. Each record is written at once.
class EventFile {
 public:
  // Makes the folder if it is missing (its parent must be there). steps_done > 0: goes on behind the record of that
  // step where there is such a file. Throws RunError naming the path.
  EventFile(const std::string& folder, std::int64_t steps_done);
  void write(std::int64_t step, std::span<const Scalar> scalars);  // throws RunError

 private:
  std::optional<LineFile> file_;
};

}  // namespace mp::runtime
