#include "runtime/data/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "lib/base/error.hpp"

namespace mp::runtime {
namespace {

[[noreturn]] void fail(const std::string& path) { throw InputError(path, Issue{"", std::strerror(errno)}); }

// Closes itself; the mapping does not need it.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : value_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (value_ < 0) fail(path);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(value_); }
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_;
};

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const Descriptor descriptor(path);
  struct stat info {};
  if (fstat(descriptor.get(), &info) != 0) fail(path);
  if (!S_ISREG(info.st_mode)) throw InputError(path, Issue{"", "not a regular file: data is read from files"});
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) return;
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (address == MAP_FAILED) fail(path);
  mapping_ = std::shared_ptr<const void>(address, [address, size](const void*) { munmap(address, size); });
  bytes_ = {static_cast<const std::uint8_t*>(address), size};
}

}  // namespace mp::runtime
