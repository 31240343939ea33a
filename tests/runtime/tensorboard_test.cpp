// Event files: the bytes that TensorBoard reads, and what a resumed run keeps of them.
#include "runtime/tensorboard.hpp"

#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;

namespace {

std::string hex(const std::string& bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte / 16];
    text += kDigits[byte % 16];
  }
  return text;
}

const std::vector<Scalar> kScalars = {{"train/loss", 0.5}, {"lr", 1e-3}};

}  // namespace

// Written by TensorBoard 2.21's own writer for the same events.
TEST_CASE("records are byte for byte those of TensorBoard's writer", "[tensorboard]") {
  CHECK(hex(first_record(1.5)) == "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c");
  CHECK(hex(scalar_record(2.25, 300, kScalars)) ==
        "2c00000000000000f4aecc4509000000000000024010ac022a1e0a110a0a747261696e2f6c6f7373150000003f0a090a026c72156f1283"
        "3aa407fb22");
}

TEST_CASE("a resumed run keeps the whole records up to its step", "[tensorboard]") {
  const std::string first = first_record(1.0);
  const std::string one = scalar_record(2.0, 1, kScalars);
  const std::string two = scalar_record(3.0, 2, kScalars);
  const std::string all = first + one + two;
  CHECK(records_until(all, 9) == all.size());
  CHECK(records_until(all, 1) == first.size() + one.size());
  CHECK(records_until(all, 0) == first.size());
  for (std::size_t cut = 1; cut <= two.size(); ++cut) {
    CHECK(records_until(all.substr(0, all.size() - cut), 9) == first.size() + one.size());
  }
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::string altered = all;
    altered[first.size() + i] = static_cast<char>(altered[first.size() + i] ^ 4);
    CHECK(records_until(altered, 9) == first.size());
  }
}

TEST_CASE("an event file is made, gone on with, or begun anew", "[tensorboard]") {
  const mp::test::TemporaryFolder folder;
  const std::string runs = folder.path("runs");
  const std::string path = runs + "/events.out.tfevents.mprun";
  const auto steps = [&](std::int64_t until) { return records_until(read_file(path), until); };
  {
    EventFile file(runs, 0);
    for (std::int64_t step = 1; step <= 3; ++step) file.write(step, kScalars);
  }
  const std::size_t until_two = steps(2);
  CHECK(steps(3) == read_file(path).size());
  {
    EventFile file(runs, 2);
    CHECK(read_file(path).size() == until_two);
    file.write(3, kScalars);
  }
  CHECK(steps(2) == until_two);
  CHECK(steps(3) == read_file(path).size());
  const std::size_t whole = read_file(path).size();
  { const EventFile file(runs, 0); }
  CHECK(read_file(path).size() < whole - until_two + until_two / 2);
  CHECK_THROWS_AS(EventFile(folder.write("file", "") + "/runs", 0), RunError);
}
