#include "runtime/data/text.hpp"

#include <cmath>
#include <filesystem>
#include <set>

#include "lib/base/error.hpp"
#include "runtime/data/feed.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;

namespace {

std::string all_of(const TokenSequence& tokens) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(tokens.size()));
  tokens.copy(0, values);
  std::string text;
  for (const std::int64_t value : values) text += static_cast<char>(value);
  return text;
}

}  // namespace

TEST_CASE("the end of every file is held out") {
  const mp::test::TemporaryFolder folder;
  const std::vector<std::string> paths = {folder.write("b", "0123456789abcdefghijKLMNOPQRSTUVWXYZ!!#$"),
                                          folder.write("a", "short"), folder.write("c", "ABCDEFGHIJKLMNOPQRSTUVWX")};
  const Text text = open_text(paths);
  CHECK(all_of(text.training) == "0123456789abcdefghijKLMNOPQRSTUVWXYZ!!shortABCDEFGHIJKLMNOPQRSTUVW");
  CHECK(all_of(text.held_out) == "#$X");
  std::vector<std::int64_t> across(7);
  text.training.copy(36, across);
  CHECK(across == std::vector<std::int64_t>{'!', '!', 's', 'h', 'o', 'r', 't'});
}

TEST_CASE("a folder is its text files, by path") {
  const mp::test::TemporaryFolder folder;
  folder.write("in/z.txt", "last");
  folder.write("in/a/deep.txt", "first ");
  folder.write("in/picture", std::string("\x89PNG\0\0", 6));
  folder.write("in/empty", "");
  std::filesystem::create_symlink(folder.path("in/z.txt"), folder.path("in/link"));
  CHECK(all_of(open_text({folder.path("in")}).training) == "first last");
}

TEST_CASE("text that is not there is an error that names it") {
  const mp::test::TemporaryFolder folder;
  const auto message_of = [](const std::string& path) {
    try {
      static_cast<void>(open_text({path}));
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  CHECK(message_of("/nowhere/x.txt") == "/nowhere/x.txt: No such file or directory");
  CHECK(message_of("/dev/null") == "/dev/null: not a regular file: data is read from files");
  const std::string empty = folder.write("empty", "");
  CHECK(message_of(empty) == empty + ": no text in it");
  std::filesystem::create_directory(folder.path("bare"));
  CHECK(message_of(folder.path("bare")) == folder.path("bare") + ": no text in it");
}

TEST_CASE("entropy of known distributions") {
  CHECK(entropy(std::vector<std::int64_t>{5, 0, 0}) == 0.0);
  CHECK(entropy(std::vector<std::int64_t>{7, 7, 7, 7}) == Approx(std::log(4.0)));
  CHECK(entropy(std::vector<std::int64_t>{1, 3}) == Approx(0.25 * std::log(4.0) + 0.75 * std::log(4.0 / 3.0)));
}

TEST_CASE("windows of an epoch are disjoint, shuffled, and followed by their next tokens") {
  std::vector<std::uint8_t> bytes(100);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  TokenSequence tokens;
  tokens.append(bytes);
  const auto windows = std::make_shared<const TextWindows>(tokens, 8, 1, true);
  CHECK(windows->windows() == 11);  // 12 fit, one of them is the room for offsets
  std::set<std::int64_t> offsets;
  for (std::int64_t epoch = 0; epoch < 10; ++epoch) {
    std::set<std::int64_t> seen;
    for (std::int64_t sample = 0; sample < 11; ++sample) {
      std::vector<std::int64_t> window(8);
      std::vector<std::int64_t> targets(8);
      windows->copy(epoch * 11 + sample, 0, window);
      windows->copy(epoch * 11 + sample, 1, targets);
      for (std::size_t i = 0; i < 8; ++i) CHECK(targets[i] == window[i] + 1);
      seen.insert(window.begin(), window.end());
      offsets.insert(window[0] % 8);
    }
    CHECK(seen.size() == 88);
  }
  CHECK(offsets.size() > 3);
  const TextWindows in_order(tokens, 8, 1, false);
  std::vector<std::int64_t> window(8);
  in_order.copy(in_order.windows() + 2, 1, window);
  CHECK(window.front() == 17);
}

TEST_CASE("the default text is enough to train on") {
  const Text text = open_default_text();
  CHECK(text.training.size() > 200'000);
  CHECK(text.held_out.size() > 8'000);
  CHECK(entropy(text.training.counts(256).of_token) > 2.5);
}
