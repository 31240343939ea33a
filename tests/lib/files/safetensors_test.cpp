#include "lib/files/safetensors.hpp"

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/base/random.hpp"
#include "tests/lib/support/errors.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using mp::DataType;
using mp::SafetensorsFile;
using mp::test::message_of;
using mp::test::TemporaryFolder;

namespace {

std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// A file with this header text and as many zero bytes of tensors.
std::string with_header(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  return file.append(header).append(data_bytes, '\0');
}

std::string error_of(const std::string& bytes) {
  const TemporaryFolder folder;
  mp::write_file_atomically(folder.path("w"), bytes);
  const std::string message = message_of<mp::InputError>([&] { SafetensorsFile(folder.path("w")).verify(); });
  return message.starts_with(folder.path("w: ")) ? message.substr(folder.path("w: ").size()) : message;
}

const std::vector<mp::TensorToStore> kTensors = {{"b", {DataType::kFloat32, {2, 3}}},
                                                 {"empty", {DataType::kFloat32, {0}}},
                                                 {"flags", {DataType::kBool, {3}}},
                                                 {"a", {DataType::kInt64, {}}}};
constexpr std::string_view kBytes = "abcdefghijklmnopqrstuvwxyz012345678";  // 24 + 0 + 3 + 8

std::string write(const std::string& path) {
  mp::SafetensorsWriter writer(path, kTensors, {{"step", "7"}});
  writer.write(as_bytes(kBytes.substr(0, 5)));
  writer.write(as_bytes(kBytes.substr(5)));
  writer.commit();
  return mp::read_file(path);
}

}  // namespace

// The vectors of the xxHash project's own self test, and of its documentation.
TEST_CASE("XXH64 gives the published digests", "[files]") {
  const auto digest = [](std::string_view text) {
    mp::Xxh64 hash;
    hash.update(as_bytes(text));
    return hash.hex();
  };
  CHECK(digest("") == "ef46db3751d8e999");
  CHECK(digest("a") == "d24ec4f1a98c6e5b");
  CHECK(digest("abc") == "44bc2cf5ad770999");
  CHECK(digest("Nobody inspects the spammish repetition") == "fbcea83c8a378bf1");
}

TEST_CASE("XXH64 does not depend on how the bytes are cut up", "[files]") {
  std::string bytes;
  for (int i = 0; i < 200; ++i) bytes += static_cast<char>(i * 7);
  mp::Xxh64 whole;
  whole.update(as_bytes(bytes));
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    mp::Xxh64 hash;
    hash.update(as_bytes(bytes).first(cut));
    hash.update(as_bytes(bytes).subspan(cut));
    CHECK(hash.value() == whole.value());
  }
}

TEST_CASE("weights are read back as they were written", "[files]") {
  const TemporaryFolder folder;
  write(folder.path("w.safetensors"));
  const SafetensorsFile file(folder.path("w.safetensors"));
  CHECK(file.metadata() == mp::Metadata{{"step", "7"}});
  REQUIRE(file.tensors().size() == 4);
  for (std::size_t i = 0; i < kTensors.size(); ++i) {
    CHECK(file.tensors()[i].name == kTensors[i].name);
    CHECK(file.tensors()[i].type == kTensors[i].type.type);
    CHECK(file.tensors()[i].shape == kTensors[i].type.shape);
  }
  std::string all(kBytes.size(), '\0');
  for (const mp::StoredTensor& tensor : file.tensors()) {
    file.read(tensor,
              std::as_writable_bytes(std::span(all))
                  .subspan(static_cast<std::size_t>(tensor.offset_bytes), static_cast<std::size_t>(tensor.size_bytes)));
  }
  CHECK(all == kBytes);
  std::string part(4, '\0');
  file.read(*file.find("a"), 2, std::as_writable_bytes(std::span(part)));
  CHECK(part == "3456");
  CHECK(file.find("c") == nullptr);
  REQUIRE(file.has_checksum());
  file.verify();
}

TEST_CASE("the layout is that of safetensors", "[files]") {
  const TemporaryFolder folder;
  const std::string bytes = write(folder.path("w"));
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  CHECK(length % 8 == 0);
  CHECK(bytes.size() == 8 + length + kBytes.size());
  CHECK(bytes[8] == '{');
  CHECK(bytes.substr(8 + length) == kBytes);
  CHECK(bytes.find(R"("b": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]})") != std::string::npos);
}

TEST_CASE("weights without commit leave nothing", "[files]") {
  const TemporaryFolder folder;
  { const mp::SafetensorsWriter writer(folder.path("w"), kTensors, {}); }
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("weights of others are read, their own types passed over", "[files]") {
  const TemporaryFolder folder;
  mp::write_file_atomically(folder.path("w"),
                            with_header(R"({"x":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", 4));
  const SafetensorsFile file(folder.path("w"));
  CHECK(file.find("x")->dtype == "F16");
  CHECK_FALSE(file.find("x")->type.has_value());
  CHECK_FALSE(file.has_checksum());
  file.verify();
}

TEST_CASE("every mistake in a weight file has a message", "[files]") {
  const auto entry = [](const std::string& fields, std::size_t data_bytes) {
    return error_of(with_header("{\"x\":{" + fields + "}}", data_bytes));
  };
  CHECK(error_of("short") == "too short for a safetensors file");
  CHECK(error_of(std::string(100, '\x7f')).starts_with("not a safetensors file, or cut off: its header would have "));
  CHECK(error_of(with_header("[]", 0)) == "an object is expected here, not an array");
  CHECK(error_of(with_header("{", 0)).find("not JSON") != std::string::npos);
  CHECK(entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,7])", 7) == "/x: F32[2] is not 7 bytes");
  CHECK(entry(R"("dtype":"F31","shape":[2],"data_offsets":[0,8])", 8) == "/x/dtype: unknown element type 'F31'");
  CHECK(entry(R"("dtype":"F32","shape":[-1],"data_offsets":[0,8])", 8).starts_with("/x/shape/0: -1 is too small"));
  CHECK(entry(R"("dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0])", 0).starts_with("/x: F32["));
  CHECK(entry(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])", 8) ==
        "/x/data_offsets: two numbers, begin and end, are expected");
  CHECK(entry(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])", 12) ==
        "/x/data_offsets: begins at 4, but the tensor before ends at 0");
  CHECK(entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 6) ==
        "the header describes 8 bytes of tensors; the file has 6: it is cut off");
  CHECK(entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 9) ==
        "the header describes 8 bytes of tensors; the file has 9: bytes are left over");
  CHECK(error_of(with_header(R"({"x":{},"x":{}})", 0)) == "key 'x' comes twice");
}

TEST_CASE("a bit that flips anywhere in a weight file is noticed or harmless to the tensors", "[files]") {
  const TemporaryFolder folder;
  const std::string good = write(folder.path("good"));
  const std::size_t data = good.size() - kBytes.size();
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    const std::string error = error_of(bad);
    if (bit / 8 >= data) CHECK(error.starts_with("damaged: "));
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK(error_of(good.substr(0, size)) != "(nothing was thrown)");
  }
}
