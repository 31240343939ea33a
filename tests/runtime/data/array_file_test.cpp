#include "runtime/data/array_file.hpp"

#include <cstring>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;

namespace {

std::string npy(const std::string& descr, const std::string& shape, const std::string& data,
                const std::string& order = "False") {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
  header.resize((header.size() + 10 + 64) / 64 * 64 - 11, ' ');
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += {'\1', '\0', static_cast<char>(header.size()), '\0'};
  return bytes + header + data;
}

template <class T>
std::string raw(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<double> values_of(const ArrayFile& array) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < elements(array.shape); ++i) values.push_back(array.at(i));
  return values;
}

}  // namespace

TEST_CASE("npy files of every element type") {
  const mp::test::TemporaryFolder folder;
  const auto read = [&](const std::string& bytes) { return open_array(folder.write("a.npy", bytes)); };
  const ArrayFile floats = read(npy("<f4", "(2, 3)", raw<float>({1, 2, 3, 4, 5, 6.5F})));
  CHECK(floats.shape == Shape{2, 3});
  CHECK(values_of(floats) == std::vector<double>{1, 2, 3, 4, 5, 6.5});
  CHECK(values_of(read(npy("<f8", "(2,)", raw<double>({-1.5, 2})))) == std::vector<double>{-1.5, 2});
  CHECK(values_of(read(npy("|u1", "(3,)", raw<std::uint8_t>({0, 7, 255})))) == std::vector<double>{0, 7, 255});
  CHECK(values_of(read(npy("|i1", "(1,)", raw<std::int8_t>({-7})))) == std::vector<double>{-7});
  CHECK(values_of(read(npy("<i2", "(1,)", raw<std::int16_t>({-300})))) == std::vector<double>{-300});
  CHECK(values_of(read(npy("<i4", "(1, 1)", raw<std::int32_t>({-70000})))) == std::vector<double>{-70000});
  CHECK(values_of(read(npy("<i8", "(1,)", raw<std::int64_t>({1 << 30})))) == std::vector<double>{1 << 30});
  CHECK(values_of(read(npy(">i2", "(1,)", std::string("\1\2", 2)))) == std::vector<double>{258});
}

TEST_CASE("IDX files") {
  const mp::test::TemporaryFolder folder;
  const ArrayFile bytes =
      open_array(folder.write("a", std::string("\0\0\x08\2\0\0\0\2\0\0\0\3", 12) + std::string("\1\2\3\4\5\xff", 6)));
  CHECK(bytes.shape == Shape{2, 3});
  CHECK(values_of(bytes) == std::vector<double>{1, 2, 3, 4, 5, 255});
  const ArrayFile shorts = open_array(folder.write("b", std::string("\0\0\x0b\1\0\0\0\1\xff\xfe", 10)));
  CHECK(values_of(shorts) == std::vector<double>{-2});
}

TEST_CASE("damaged arrays are refused, each with its reason") {
  const mp::test::TemporaryFolder folder;
  const auto message_of = [&](const std::string& bytes) {
    const std::string path = folder.write("x", bytes);
    try {
      static_cast<void>(open_array(path));
    } catch (const InputError& error) {
      return std::string(error.what()).substr(path.size() + 2);
    }
    return std::string("no error");
  };
  CHECK(message_of("text") == "is neither a .npy nor an IDX file (unpack a .gz or .npz first)");
  CHECK(message_of("") == "is neither a .npy nor an IDX file (unpack a .gz or .npz first)");
  CHECK(message_of(npy("<f4", "(2, 3)", "12345678")) ==
        "its header promises the shape [2, 3] of 4 bytes an element, but 8 bytes of data follow");
  CHECK(message_of(npy("<f4", "(4611686018427387904, 8)", "")) ==
        "its header promises the shape [4611686018427387904, 8] of 4 bytes an element, but 0 bytes of data follow");
  CHECK(message_of(npy("<f4", "(99999999999999999999,)", "")) == "its .npy header has no readable shape");
  CHECK(message_of(npy("<f4", "(2, 1)", std::string(8, 'x'), "True")) ==
        "is in column-major order; save it with numpy.ascontiguousarray");
  CHECK(message_of(npy("<c8", "(1,)", std::string(8, 'x'))) ==
        "element type '<c8' is not supported; supported: u1, b1, i1, i2, i4, i8, f4, f8");
  CHECK(message_of(std::string("\x93NUMPY\1\0\xff\xff", 10) + "{'descr'") == "ends inside its .npy header");
  CHECK(message_of(std::string("\0\0\x08\3\0\0", 6)) == "ends inside its IDX header");
  CHECK(message_of(std::string("\0\0\x33\0", 4)) == "its IDX element type 0x33 is unknown");
}
