// A backend whose kernels leave the room behind rows that lib/program/stored_rows.hpp lets them have; for all others
// the rows of a tensor lie side by side.
#pragma once

#include "runtime/backend.hpp"

namespace mp::runtime {

class PadsRows {
 public:
  virtual ~PadsRows() = default;
};

[[nodiscard]] inline bool pads_rows(const Backend& backend) {
  return dynamic_cast<const PadsRows*>(&backend) != nullptr;
}

}  // namespace mp::runtime
