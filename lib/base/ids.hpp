// Typed integer ids: an `enum class` per kind of thing, so that a node cannot index the tensors.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <type_traits>
#include <utility>
#include <vector>

namespace mp {

enum class NodeId : std::int32_t {};
enum class TensorId : std::int32_t {};
enum class DeviceId : std::int32_t {};
enum class BufferId : std::int32_t {};

template <class Id>
concept IdType = std::is_enum_v<Id> && std::is_signed_v<std::underlying_type_t<Id>>;

// "No such thing": the id of an absent optional input, of the producer of a graph input, …
template <IdType Id>
inline constexpr Id kNone = static_cast<Id>(-1);

// The position of `id` in the vector of its kind. `id` must not be kNone.
template <IdType Id>
[[nodiscard]] constexpr std::size_t index(Id id) noexcept {
  return static_cast<std::size_t>(static_cast<std::underlying_type_t<Id>>(id));
}

template <IdType Id, std::integral Int>
[[nodiscard]] constexpr Id make_id(Int position) noexcept {
  return static_cast<Id>(static_cast<std::underlying_type_t<Id>>(position));
}

// A contiguous vector indexed by one kind of id and by nothing else.
template <IdType Id, class T>
class IdVector {
 public:
  IdVector() = default;
  explicit IdVector(std::size_t size, const T& value = T{}) : items_(size, value) {}
  IdVector(std::initializer_list<T> items) : items_(items) {}

  [[nodiscard]] decltype(auto) operator[](Id id) noexcept { return items_[index(id)]; }
  [[nodiscard]] decltype(auto) operator[](Id id) const noexcept { return items_[index(id)]; }
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
  [[nodiscard]] bool contains(Id id) const noexcept { return id != kNone<Id> && index(id) < items_.size(); }
  [[nodiscard]] auto begin() noexcept { return items_.begin(); }
  [[nodiscard]] auto end() noexcept { return items_.end(); }
  [[nodiscard]] auto begin() const noexcept { return items_.begin(); }
  [[nodiscard]] auto end() const noexcept { return items_.end(); }
  [[nodiscard]] T* data() noexcept { return items_.data(); }
  [[nodiscard]] const T* data() const noexcept { return items_.data(); }
  void assign(std::size_t size, const T& value) { items_.assign(size, value); }
  void resize(std::size_t size, const T& value = T{}) { items_.resize(size, value); }
  void reserve(std::size_t size) { items_.reserve(size); }
  // Appends and returns the id of the new item.
  Id push_back(T item) {
    items_.push_back(std::move(item));
    return make_id<Id>(items_.size() - 1);
  }
  [[nodiscard]] const std::vector<T>& items() const noexcept { return items_; }

  friend bool operator==(const IdVector&, const IdVector&) = default;

 private:
  std::vector<T> items_;
};

// Every id from 0 to size − 1: `for (NodeId n : ids<NodeId>(graph.nodes().size()))`.
template <IdType Id>
class IdRange {
 public:
  class iterator {
   public:
    using value_type = Id;
    using difference_type = std::ptrdiff_t;
    iterator() = default;
    explicit iterator(std::size_t at) : at_(at) {}
    Id operator*() const { return make_id<Id>(at_); }
    iterator& operator++() {
      ++at_;
      return *this;
    }
    iterator operator++(int) {
      iterator old = *this;
      ++at_;
      return old;
    }
    friend bool operator==(const iterator&, const iterator&) = default;

   private:
    std::size_t at_ = 0;
  };
  explicit IdRange(std::size_t size) : size_(size) {}
  [[nodiscard]] iterator begin() const { return iterator(0); }
  [[nodiscard]] iterator end() const { return iterator(size_); }

 private:
  std::size_t size_;
};

template <IdType Id>
[[nodiscard]] IdRange<Id> ids(std::size_t size) {
  return IdRange<Id>(size);
}

}  // namespace mp
