// What tests look for in programs, and break in them on purpose.
#pragma once

#include <string>

#include "lib/program/program.hpp"
#include "tests/support/catch.hpp"

namespace mp::test {

// Whether an issue that the checker finds has this in it; else the test, if it fails, shows all issues.
inline bool complains(const Program& program, const std::string& of) {
  std::string all;
  for (const std::string& issue : check_program(program)) all += issue + '\n';
  UNSCOPED_INFO("the issues:\n" << all);
  return all.find(of) != std::string::npos;
}

// The first instruction of the device that is wanted; the test fails where there is none.
template <class IsWanted>
Instruction& first_of(Program& program, DeviceId device, IsWanted is_wanted) {
  for (Instruction& instruction : program.devices[device].instructions) {
    if (is_wanted(instruction)) return instruction;
  }
  FAIL("no such instruction");
  return program.devices[device].instructions.front();
}

}  // namespace mp::test
