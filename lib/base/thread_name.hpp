// Names of threads, as `top -H`, debuggers and profilers show them.
#pragma once

#include <pthread.h>

#include <string>

namespace mp {

// Of the calling thread. Linux keeps the first 15 bytes.
inline void name_this_thread(const std::string& name) {
  constexpr std::size_t kMaximum = 15;
  pthread_setname_np(pthread_self(), name.substr(0, kMaximum).c_str());  // fails for longer names only
}

}  // namespace mp
