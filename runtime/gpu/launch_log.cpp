#include "runtime/gpu/launch_log.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

namespace mp::runtime::gpu {
namespace {

// Without the namespaces that all of them are in.
std::string name_of(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> full(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                    std::free);
  std::string name = status == 0 ? full.get() : type.name();
  constexpr std::string_view kNamespace = "mp::runtime::gpu::";
  for (std::size_t at = name.find(kNamespace); at != std::string::npos; at = name.find(kNamespace, at)) {
    name.erase(at, kNamespace.size());
  }
  return name;
}

}  // namespace

void LaunchLog::add_kernel(const std::type_info& type) { work_.push_back({.what = name_of(type)}); }

std::vector<LoggedWork> LaunchLog::take() { return std::exchange(work_, {}); }

}  // namespace mp::runtime::gpu
