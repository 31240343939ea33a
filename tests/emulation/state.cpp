// The machine, its devices, errors.
#include "tests/emulation/state.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "tests/emulation/machine.hpp"

namespace mp::emulation {
namespace {

thread_local int current = 0;
thread_local cudaError_t last = cudaSuccess;

std::atomic<std::int64_t> things{0};

constexpr std::size_t kMostDevices = 64;
std::array<std::atomic<cudaError_t>, kMostDevices> failures{};

template <class Number>
void read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) throw std::invalid_argument(std::string(text));
}

Timing timing_of(std::string_view name) {
  if (name == "prompt") return Timing::kPrompt;
  if (name == "late") return Timing::kLate;
  if (name == "random") return Timing::kRandom;
  throw std::invalid_argument(std::string(name));
}

void read_field(std::string_view field, Machine& machine) {
  const std::size_t sign = field.find('=');
  const std::string_view name = field.substr(0, sign);
  const std::string_view value = sign == std::string_view::npos ? "" : field.substr(sign + 1);
  if (name == "devices") return read_number(value, machine.devices);
  if (name == "memory_bytes") return read_number(value, machine.memory_bytes);
  if (name == "driver_version") return read_number(value, machine.driver_version);
  if (name == "cudnn_version") return read_number(value, machine.cudnn_version);
  if (name == "seed") return read_number(value, machine.seed);
  if (name == "nccl_version") return read_number(value, machine.nccl_version);
  if (name == "fails_at_work") return read_number(value, machine.fails_at_work);
  if (name == "fails_at_transfer") return read_number(value, machine.fails_at_transfer);
  if (name == "hangs_at_transfer") return read_number(value, machine.hangs_at_transfer);
  if (name == "hears_of_deaths") {
    machine.hears_of_deaths = value != "0";
    return;
  }
  if (name == "timing") {
    machine.timing = timing_of(value);
    return;
  }
  if (name == "peer_access") {
    machine.has_peer_access = value != "0";
    return;
  }
  throw std::invalid_argument(std::string(field));
}

Machine machine_of_environment() {
  Machine machine;
  const char* variable = std::getenv("MP_EMULATED_GPUS");
  std::string_view rest = variable == nullptr ? "" : variable;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    if (end > 0) read_field(rest.substr(0, end), machine);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return machine;
}

void start_countdowns(const Machine& machine) {
  work_countdown().set(machine.fails_at_work);
  transfer_countdown().set(machine.fails_at_transfer);
  hang_countdown().set(machine.hangs_at_transfer);
}

Machine& own_machine() {
  static Machine machine = [] {
    Machine found = machine_of_environment();
    start_countdowns(found);
    return found;
  }();
  return machine;
}

}  // namespace

const Machine& machine() { return own_machine(); }

void set_machine(const Machine& machine) {
  if (things != 0) throw std::logic_error("the emulated machine cannot change while something of it is used");
  if (machine.devices > static_cast<int>(kMostDevices)) throw std::invalid_argument("too many devices");
  own_machine() = machine;
  start_countdowns(machine);
  forget_peers();
  for (auto& failure : failures) failure = cudaSuccess;
}

void count_things(int change) { things.fetch_add(change, std::memory_order_relaxed); }

Countdown& work_countdown() {
  static Countdown one;
  return one;
}

Countdown& hang_countdown() {
  static Countdown one;
  return one;
}

Countdown& transfer_countdown() {
  static Countdown one;
  return one;
}

void fail_at_work(std::int64_t count) { work_countdown().set(count); }

AtomicCounts& mutable_counts() {
  static AtomicCounts all;
  return all;
}

Counts counts() {
  const AtomicCounts& all = mutable_counts();
  return {.launches = all.launches,
          .graph_launches = all.graph_launches,
          .peer_bytes = all.peer_bytes,
          .staged_bytes = all.staged_bytes,
          .pageable_bytes = all.pageable_bytes,
          .slow_products = all.slow_products,
          .convolutions = all.convolutions,
          .attentions = all.attentions,
          .plans = all.plans,
          .late_uses = all.late_uses};
}

cudaError_t report(cudaError_t error) { return last = error; }

int current_device() { return current; }

cudaError_t failure_of(int device) {
  return failures.at(static_cast<std::size_t>(device)).load(std::memory_order_relaxed);
}

void fail_device(int device, cudaError_t error, const std::string& why) {
  std::fprintf(stderr, "emulated GPU %d: %s\n", device, why.c_str());
  failures.at(static_cast<std::size_t>(device)) = error;
}

void do_work(int device, const Work& work) {
  if (failure_of(device) != cudaSuccess) return;
  if (work_countdown().is_over()) {
    return fail_device(device, cudaErrorIllegalAddress, "an illegal address, as the test wanted it");
  }
  try {
    work();
  } catch (const std::exception& error) {
    fail_device(device, cudaErrorLaunchFailure, error.what());
  }
}

cudaError_t obstacle() {
  if (machine().driver_version < CUDART_VERSION) return cudaErrorInsufficientDriver;
  if (machine().devices == 0) return cudaErrorNoDevice;
  return failure_of(current);
}

}  // namespace mp::emulation

using namespace mp::emulation;

cudaError_t cudaGetLastError() { return std::exchange(last, cudaSuccess); }

cudaError_t cudaPeekAtLastError() { return last; }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  *count = machine().devices;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= machine().devices) return report(cudaErrorInvalidDevice);
  current = device;
  const cudaError_t error = obstacle();
  return error == cudaSuccess ? cudaSuccess : report(error);
}

cudaError_t cudaGetDevice(int* device) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  *device = current;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = machine().driver_version;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  if (device < 0 || device >= machine().devices) return report(cudaErrorInvalidDevice);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "emulated GPU");
  properties->totalGlobalMem = static_cast<std::size_t>(machine().memory_bytes);
  properties->major = machine().compute_capability / 10;
  properties->minor = machine().compute_capability % 10;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  if (device < 0 || device >= machine().devices) return report(cudaErrorInvalidDevice);
  if (attribute == cudaDevAttrComputeCapabilityMajor) {
    *value = machine().compute_capability / 10;
  } else if (attribute == cudaDevAttrComputeCapabilityMinor) {
    *value = machine().compute_capability % 10;
  } else {
    return report(cudaErrorInvalidValue);  // not emulated
  }
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  if (const cudaError_t error = unsafe_in_capture(); error != cudaSuccess) return report(error);
  finish_device(current);
  const cudaError_t failure = failure_of(current);
  return failure == cudaSuccess ? cudaSuccess : report(failure);
}
