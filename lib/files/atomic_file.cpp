#include "lib/files/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"

namespace mp {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 16;

std::string reason(int error_number) { return std::generic_category().message(error_number); }

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_;
};

std::string read_all(int descriptor, const std::string& path, std::int64_t max_bytes) {
  std::string bytes;
  std::array<char, kBufferBytes> chunk{};
  while (true) {
    const ssize_t count = ::read(descriptor, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw InputError(path, Issue{"", "cannot read: " + reason(errno)});
    if (count == 0) return bytes;
    bytes.append(chunk.data(), static_cast<std::size_t>(count));
    if (static_cast<std::int64_t>(bytes.size()) > max_bytes) {
      throw InputError(path, Issue{"", fmt::format("larger than the {} bytes that are read", max_bytes)});
    }
  }
}

// The file behind symbolic links, so that a link stays a link. A link to nothing yet is followed, too.
std::string resolve(const std::string& path) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::weakly_canonical(path, error);
  return error ? path : target.string();
}

constexpr int kCreate = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
constexpr mode_t kNewFileMode = 0666;  // less the process's umask
constexpr int kMaxLeftovers = 1000;    // temporary files of killed processes that had our process id

}  // namespace

std::string read_file(const std::string& path, std::int64_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) throw InputError(path, Issue{"", "cannot open: " + reason(errno)});
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw InputError(path, Issue{"", "cannot read: " + reason(errno)});
  if (S_ISDIR(status.st_mode)) throw InputError(path, Issue{"", "is a folder, not a file"});
  if (S_ISREG(status.st_mode) && status.st_size > max_bytes) {
    throw InputError(path,
                     Issue{"", fmt::format("{} bytes, larger than the {} that are read", status.st_size, max_bytes)});
  }
  return read_all(file.get(), path, max_bytes);
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), target_(resolve(path_)) {
  struct stat status {};
  const bool exists = ::stat(target_.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) fail("cannot write", EISDIR);
  if (exists && !S_ISREG(status.st_mode)) {
    descriptor_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail("cannot open", errno);
    return;
  }
  open_temporary();
  // A replaced file keeps its mode where the file system has modes; its content matters more.
  if (exists) static_cast<void>(::fchmod(descriptor_, status.st_mode & 07777U));
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::open_temporary() {
  for (int attempt = 0; descriptor_ < 0 && attempt < kMaxLeftovers; ++attempt) {
    std::string name = fmt::format("{}.tmp.{}.{}", target_, ::getpid(), attempt);
    descriptor_ = ::open(name.c_str(), kCreate, kNewFileMode);
    if (descriptor_ >= 0) temporary_ = std::move(name);
    if (descriptor_ < 0 && errno != EEXIST) break;
  }
  if (descriptor_ < 0) fail("cannot create", errno);
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void AtomicFile::write(std::string_view bytes) {
  MP_CHECK(descriptor_ >= 0);
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), kBufferBytes - buffer_.size());
    buffer_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (buffer_.size() == kBufferBytes) flush();
  }
}

void AtomicFile::write_at(std::int64_t offset, std::string_view bytes) {
  flush();
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(descriptor_, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("cannot write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
    offset += count;
  }
}

void AtomicFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t count = ::write(descriptor_, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("cannot write", errno);
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  buffer_.clear();
}

void AtomicFile::commit() {
  flush();
  if (temporary_.empty()) {
    if (::close(std::exchange(descriptor_, -1)) != 0) fail("cannot write", errno);
    return;
  }
  if (::fsync(descriptor_) != 0) fail("cannot write", errno);
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("cannot write", errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("cannot rename to", errno);
  temporary_.clear();
}

void AtomicFile::fail(std::string_view what, int error_number) const {
  throw RunError(fmt::format("{}: {}: {}", path_, what, reason(error_number)));
}

}  // namespace mp
