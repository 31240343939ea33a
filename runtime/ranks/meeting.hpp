// How ranks find each other: every rank connects to rank 0, which then tells all who is where.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/ranks/socket.hpp"

namespace mp::runtime {

// Where and how to meet. Rank 0 listens; the others try its addresses in turn until one answers.
struct MeetingPlace {
  int rank = 0;
  int size = 1;
  std::vector<std::string> addresses;  // of rank 0, names or numbers
  std::uint16_t port = 0;
  std::uint64_t token = 0;  // the same on all ranks of one run: strangers and leftovers of another run are turned away
  const Socket* listener = nullptr;  // rank 0
  std::chrono::milliseconds patience{60'000};
};

struct RankPlace {
  std::string host;     // its name
  std::string address;  // under which the other ranks reach it
};

struct Meeting {
  std::vector<RankPlace> places;  // by rank
  // Two connections to each other rank on rank 0, to rank 0 alone on the others; closed ones elsewhere.
  std::vector<Socket> control;  // by rank: heartbeats and failures
  std::vector<Socket> data;     // by rank
};

// Returns when all ranks are there. Throws RunError naming the ranks that did not come, or why rank 0 was not reached.
[[nodiscard]] Meeting meet(const MeetingPlace& place);

}  // namespace mp::runtime
