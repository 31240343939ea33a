// Whole files in, whole files out: nothing is ever half-written.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mp {

// The largest text file (model, plan, cluster, recipe) that is read: a graph of 10⁶ nodes takes some 100 MB.
inline constexpr std::int64_t kMaxTextFileBytes = std::int64_t{1} << 28;

// The bytes of a file. Throws InputError when it is missing, unreadable, no regular file or pipe, or larger than
// `max_bytes`.
[[nodiscard]] std::string read_file(const std::string& path, std::int64_t max_bytes = kMaxTextFileBytes);

// Replaces `path` by `bytes` or leaves it as it was: a temporary file beside it is written, synchronised and renamed.
// A path that is no regular file (/dev/stdout, a pipe) is written in place. Throws RunError naming path and reason.
void write_file_atomically(const std::string& path, std::string_view bytes);

// The same for files written piece by piece. Without commit() nothing of it remains.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  void write(std::span<const std::byte> bytes);
  void write(std::string_view bytes);
  // Overwrites bytes written before; a pipe cannot.
  void write_at(std::int64_t offset, std::string_view bytes);
  // Afterwards the file is there, whole and on disk. Call once, last.
  void commit();

 private:
  [[noreturn]] void fail(std::string_view what, int error_number) const;
  void open_temporary();
  void flush();

  std::string path_;    // as the user named it
  std::string target_;  // behind symbolic links
  std::string temporary_;
  std::string buffer_;
  int descriptor_ = -1;
};

}  // namespace mp
