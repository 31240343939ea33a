// Every call of cuDNN goes through MP_CUDNN.
#pragma once

#include <cudnn.h>

#include <string_view>

namespace mp::runtime {

// Throws RunError with the call, its place, and what cuDNN says of it.
[[noreturn]] void cudnn_failed(cudnnStatus_t status, std::string_view call, std::string_view file, int line);

}  // namespace mp::runtime

#define MP_CUDNN(call)                                                                         \
  do {                                                                                         \
    const cudnnStatus_t mp_status = (call);                                                    \
    if (mp_status != CUDNN_STATUS_SUCCESS) cudnn_failed(mp_status, #call, __FILE__, __LINE__); \
  } while (false)
