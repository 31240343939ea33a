// Captured work: a chain, since one stream alone is captured at a time.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <vector>

#include "tests/emulation/stream.hpp"

struct CUgraph_st {
  std::vector<mp::emulation::Work> nodes;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  bool is_broken = false;  // by a call that must not be made while it is captured
};

struct CUgraphExec_st {
  std::shared_ptr<const std::vector<mp::emulation::Work>> nodes;
};
