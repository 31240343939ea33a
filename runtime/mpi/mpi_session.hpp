// MPI, for as long as this process uses it. Answered by runtime/mpi/ in builds with MPI and by runtime/no_mpi.cpp in
// others: the choice is made when linking, and callers need not know.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "lib/program/program.hpp"
#include "runtime/ranks/rank_group.hpp"
#include "runtime/transport.hpp"

namespace mp::runtime {

// Started once in a process. Not ended by itself: a process that has failed must not wait for the others in MPI.
class MpiSession {
 public:
  virtual ~MpiSession() = default;
  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;
  [[nodiscard]] virtual std::string broadcast(std::string first) = 0;  // rank 0's text to all; collective
  // Messages of a program between ranks; data in host memory. Collective.
  [[nodiscard]] virtual std::unique_ptr<Transport> make_transport(RankGroup& ranks,
                                                                  std::span<const Message> messages) = 0;
  virtual void finish() = 0;  // all transports are gone; collective
};

// Throws RunError where this build has no MPI, or the one there is cannot be used from several threads.
[[nodiscard]] std::unique_ptr<MpiSession> start_mpi();

}  // namespace mp::runtime
