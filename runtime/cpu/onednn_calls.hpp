// What every file that calls oneDNN shares: its engine, its stream, one thread, errors as RunError.
#pragma once

#include <fmt/core.h>
#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>

#include "lib/base/error.hpp"

namespace mp::runtime::cpu::onednn {

// oneDNN makes and runs everything for the calling thread alone while one lives.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

// The one check of every call into oneDNN.
template <class Call>
decltype(auto) checked(const char* what, Call&& call) {
  const OneThread one;
  try {
    return call();
  } catch (const dnnl::error& error) {
    throw RunError(
        fmt::format("oneDNN: {} failed: {} (status {})", what, error.what(), static_cast<int>(error.status)));
  }
}

inline const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

inline const dnnl::stream& thread_stream() {
  static thread_local const dnnl::stream stream(cpu_engine());
  return stream;
}

}  // namespace mp::runtime::cpu::onednn
