#include "runtime/gpu/kernels/resize_table.hpp"

#include <cstring>
#include <vector>

namespace mp::runtime::gpu {
namespace {

std::array<std::int64_t, 2> extents_of(const Shape& shape) {
  if (shape.size() == 3) return {1, shape[2]};
  return {shape[2], shape[3]};
}

// Places grow with the output: those that use one source element stand side by side.
std::vector<Users> users_of(const std::vector<Neighbours>& neighbours, std::int64_t extent) {
  std::vector<Users> users(static_cast<std::size_t>(extent), Users{0, 0});
  for (std::size_t i = 0; i < neighbours.size(); ++i) {
    for (const std::int64_t place : {neighbours[i].low, neighbours[i].high}) {
      Users& u = users[static_cast<std::size_t>(place)];
      if (u.end == 0) u.begin = static_cast<std::int64_t>(i);
      u.end = static_cast<std::int64_t>(i) + 1;
    }
  }
  return users;
}

template <class T>
void append(std::vector<std::byte>& bytes, const std::vector<T>& values) {
  const std::size_t at = bytes.size();
  bytes.resize(at + values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(bytes.data() + at, values.data(), values.size() * sizeof(T));
}

}  // namespace

ResizeTable::ResizeTable(const KernelCall& call, const Shape& from, const Shape& to)
    : source_(extents_of(from)), destination_(extents_of(to)) {
  const std::array<std::vector<Neighbours>, 2> neighbours = resize_neighbours(call.attributes(), from, to);
  std::vector<std::byte> bytes;
  for (const std::size_t axis : {0U, 1U}) append(bytes, neighbours[axis]);
  for (const std::size_t axis : {0U, 1U}) append(bytes, users_of(neighbours[axis], source_[axis]));
  size_bytes_ = static_cast<std::int64_t>(bytes.size());
  memory_ = call.device.allocate_scratch(size_bytes_);
  call.device.upload(memory_.get(), bytes.data(), size_bytes_);
}

ResizeTable::Addresses ResizeTable::addresses() const {
  const auto* rows = reinterpret_cast<const Neighbours*>(memory_.get());
  const Neighbours* columns = rows + destination_[0];
  const auto* row_users = reinterpret_cast<const Users*>(columns + destination_[1]);
  return {source_, destination_, rows, columns, row_users, row_users + source_[0]};
}

}  // namespace mp::runtime::gpu
