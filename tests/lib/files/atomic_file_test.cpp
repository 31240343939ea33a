#include "lib/files/atomic_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "lib/base/error.hpp"
#include "tests/lib/support/errors.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

namespace fs = std::filesystem;
using mp::test::message_of;
using mp::test::TemporaryFolder;

namespace {

std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("a written file is read back and nothing else is left", "[files]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("out.json");
  const std::string bytes = "first\0second" + std::string(200'000, 'x');
  mp::write_file_atomically(path, "old");
  mp::write_file_atomically(path, bytes);
  CHECK(mp::read_file(path) == bytes);
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("without commit the old file stays and no temporary file remains", "[files]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("out.json");
  mp::write_file_atomically(path, "old");
  {
    mp::AtomicFile file(path);
    file.write(std::string(100'000, 'n'));
    CHECK(files_in(folder.path()) == 2);
  }
  CHECK(mp::read_file(path) == "old");
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("a replaced file keeps its mode, a link stays a link", "[files]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("out.json");
  mp::write_file_atomically(path, "old");
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink(path, folder.path("link"));
  mp::write_file_atomically(folder.path("link"), "new");
  CHECK(fs::is_symlink(folder.path("link")));
  CHECK(mp::read_file(path) == "new");
  CHECK(fs::status(path).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("a temporary file of a killed process is in nobody's way", "[files]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("out.json");
  mp::write_file_atomically(path + ".tmp." + std::to_string(::getpid()) + ".0", "left over");
  mp::write_file_atomically(path, "new");
  CHECK(mp::read_file(path) == "new");
}

TEST_CASE("a file that cannot be written is an error with path and reason", "[files]") {
  const TemporaryFolder folder;
  const std::string missing = folder.path("none/out.json");
  CHECK(message_of<mp::RunError>([&] { mp::write_file_atomically(missing, "x"); }) ==
        missing + ": cannot create: No such file or directory");
  CHECK_THROWS_AS(mp::write_file_atomically(folder.path(), "x"), mp::RunError);
  CHECK(files_in(folder.path()) == 0);
  if (fs::exists("/dev/full")) {
    CHECK(message_of<mp::RunError>([] { mp::write_file_atomically("/dev/full", "x"); }) ==
          "/dev/full: cannot write: No space left on device");
  }
}

TEST_CASE("a file that cannot be read is an error with path and reason", "[files]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("in.json");
  CHECK_THROWS_WITH(mp::read_file(path), path + ": cannot open: No such file or directory");
  CHECK_THROWS_WITH(mp::read_file(folder.path()), folder.path() + ": is a folder, not a file");
  mp::write_file_atomically(path, "0123456789");
  CHECK(mp::read_file(path, 10) == "0123456789");
  CHECK_THROWS_AS(mp::read_file(path, 9), mp::InputError);
  if (fs::exists("/dev/zero")) CHECK_THROWS_AS(mp::read_file("/dev/zero", 1'000'000), mp::InputError);
}
