#include "runtime/parameters.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/bfloat16.hpp"
#include "lib/base/check.hpp"

namespace mp::runtime {
namespace {

constexpr std::int64_t kPieceElements = std::int64_t{1} << 20;
constexpr std::int64_t kElementsOfThread = std::int64_t{1} << 14;  // at a time

double value_at(const RandomStream& stream, const Initializer& initializer, std::int64_t element) {
  const auto i = static_cast<std::uint64_t>(element);
  switch (initializer.kind) {
    case Initializer::Kind::kNormal:
      return initializer.a + initializer.b * stream.normal(i);
    case Initializer::Kind::kUniform:
      return initializer.a + (initializer.b - initializer.a) * stream.uniform(i);
    case Initializer::Kind::kConstant:
      return initializer.a;
  }
  MP_CHECK(false);
}

template <class T>
void put(std::vector<std::byte>& piece, std::size_t position, T value) {
  std::memcpy(piece.data() + position * sizeof(T), &value, sizeof(T));
}

}  // namespace

ParameterFiller::ParameterFiller(TensorType type, std::string_view name, const Initializer& initializer,
                                 std::uint64_t seed, const std::optional<ParameterShard>& shard)
    : type_(std::move(type)),
      initializer_(initializer),
      stream_(seed, shard ? std::string_view(shard->of) : name),
      runs_{.count = 1, .length = 0, .begin = 0, .stride = 0},
      elements_(elements(type_.shape)) {
  runs_.length = elements_;
  if (shard) runs_ = runs_of(*shard, type_.shape);
}

void ParameterFiller::store(std::size_t position, double value) {
  switch (type_.type) {
    case DataType::kFloat32:
      return put(piece_, position, static_cast<float>(value));
    case DataType::kBfloat16:
      return put(piece_, position, to_bfloat16(static_cast<float>(value)));
    case DataType::kInt64:
      return put(piece_, position, static_cast<std::int64_t>(value));
    case DataType::kBool:
    case DataType::kOpaque:
      return put(piece_, position, static_cast<std::uint8_t>(value != 0.0));
  }
}

void ParameterFiller::draw(std::int64_t begin, std::int64_t end) {
  std::int64_t run = (done_ + begin) / runs_.length;
  std::int64_t place = (done_ + begin) % runs_.length;
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t element = runs_.begin + run * runs_.stride + place;
    store(static_cast<std::size_t>(i), value_at(stream_, initializer_, element));
    if (++place < runs_.length) continue;
    place = 0;
    ++run;
  }
}

std::span<const std::byte> ParameterFiller::next(Team& team) {
  const std::int64_t count = std::min(kPieceElements, elements_ - done_);
  piece_.resize(static_cast<std::size_t>(count * size_of(type_.type)));
  team.for_range(count, kElementsOfThread, [this](std::int64_t begin, std::int64_t end) { draw(begin, end); });
  done_ += count;
  return piece_;
}

}  // namespace mp::runtime
