#include "runtime/data/prefetch.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "tests/runtime/support/allocations.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using mp::runtime::test::allocations;

namespace {

constexpr std::int64_t kBadStep = 40;

// A slice tells what was asked for; who asked is remembered.
class Telling final : public DataSource {
 public:
  explicit Telling(std::thread::id caller) : caller_(caller) {}
  void fill(std::size_t input, std::int64_t step, std::int32_t microbatch, std::span<std::byte> slice) const override {
    if (step == kBadStep) throw InputError("file", Issue{"", "broken"});
    if (std::this_thread::get_id() == caller_) ++direct;
    const std::int64_t value = 1000 * step + 10 * microbatch + static_cast<std::int64_t>(input);
    for (std::size_t i = 0; i < slice.size(); i += sizeof(value)) std::memcpy(&slice[i], &value, sizeof(value));
  }
  mutable std::atomic<std::int64_t> direct{0};

 private:
  std::thread::id caller_;
};

Graph two_inputs() {
  GraphBuilder builder("g");
  builder.add_input("a", {DataType::kInt64, {3}});
  builder.add_input("b", {DataType::kInt64, {2, 2}});
  return std::move(builder).build();
}

std::vector<std::int64_t> slice(const DataSource& data, std::size_t input, std::int64_t step, std::int32_t microbatch) {
  std::vector<std::int64_t> values(input == 0 ? 3 : 4);
  data.fill(input, step, microbatch, std::as_writable_bytes(std::span(values)));
  return values;
}

bool is_right(const DataSource& data, std::size_t input, std::int64_t step, std::int32_t microbatch) {
  const std::int64_t value = 1000 * step + 10 * microbatch + static_cast<std::int64_t>(input);
  return slice(data, input, step, microbatch) == std::vector<std::int64_t>(input == 0 ? 3 : 4, value);
}

}  // namespace

TEST_CASE("prefetched slices are the source's, and come from the thread beside", "[prefetch]") {
  auto owned = std::make_unique<Telling>(std::this_thread::get_id());
  const Telling& source = *owned;
  const std::unique_ptr<DataSource> data = prefetched(std::move(owned), two_inputs(), 2);
  const auto whole_step = [&](std::int64_t step) {
    bool right = true;
    for (const std::int32_t microbatch : {0, 1}) {
      for (const std::size_t input : {0U, 1U}) right = is_right(*data, input, step, microbatch) && right;
    }
    return right;
  };
  CHECK(whole_step(0));
  CHECK(whole_step(1));
  const std::int64_t before = source.direct;
  CHECK(before >= 4);
  for (std::int64_t step = 2; step < 12; ++step) CHECK(whole_step(step));
  CHECK(source.direct == before);
  CHECK(whole_step(30));  // a jump: nobody could know
  CHECK(source.direct == before + 4);
  CHECK(whole_step(7));
  CHECK(whole_step(8));
  CHECK(is_right(*data, 0, 8, 1));  // asked for by a second device
  CHECK(source.direct == before + 8);
}

TEST_CASE("devices ask at once, and nothing is allocated", "[prefetch]") {
  const std::unique_ptr<DataSource> data =
      prefetched(std::make_unique<Telling>(std::this_thread::get_id()), two_inputs(), 4);
  std::array<std::int64_t, 4> values{};
  std::int64_t before = 0;
  for (std::int64_t step = 0; step < 30; ++step) {
    if (step == 3) before = allocations();
    for (const std::int32_t microbatch : {0, 1, 2, 3})
      data->fill(1, step, microbatch, std::as_writable_bytes(std::span(values)));
  }
  CHECK(allocations() == before);
  std::atomic<int> wrong{0};
  for (std::int64_t step = 100; step < 130; ++step) {
    std::vector<std::thread> devices;
    for (const std::int32_t first : {0, 1, 2}) {
      devices.emplace_back([&, first, step] {
        for (std::int32_t m = 0; m < 4; ++m) {
          for (const std::size_t input : {0U, 1U}) {
            if (!is_right(*data, input, step, (m + first) % 4)) ++wrong;
          }
        }
      });
    }
    for (std::thread& device : devices) device.join();
  }
  CHECK(wrong == 0);
}

TEST_CASE("what goes wrong beside is told where it is asked for", "[prefetch]") {
  const std::unique_ptr<DataSource> data =
      prefetched(std::make_unique<Telling>(std::this_thread::get_id()), two_inputs(), 1);
  for (std::int64_t step = kBadStep - 3; step < kBadStep; ++step) CHECK(is_right(*data, 0, step, 0));
  CHECK_THROWS_AS(slice(*data, 0, kBadStep, 0), InputError);
  CHECK_THROWS_AS(slice(*data, 0, kBadStep, 0), InputError);
  CHECK(is_right(*data, 0, kBadStep + 1, 0));
}
