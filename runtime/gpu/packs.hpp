// Numbers in packs of eight: 16 bytes of bfloat16, the most that a thread of a GPU moves in one instruction. Two-byte
// loads leave half of a GPU's memory bandwidth unused or more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "runtime/gpu/launch.hpp"
#include "runtime/gpu/portable.hpp"

namespace mp::runtime::gpu {

inline constexpr int kPack = 8;

MP_HD inline ConstReals as_const(const Reals& x) { return {x.data, x.is_bfloat16}; }

template <int N>
struct Pack {
  float x[static_cast<std::size_t>(N)];
};

struct alignas(16) Words {
  std::uint32_t word[4];
};

MP_HD inline Words load_words(const void* from) {
#ifdef __CUDA_ARCH__
  const uint4 v = *static_cast<const uint4*>(from);
  return {{v.x, v.y, v.z, v.w}};
#else
  Words words;
  std::memcpy(&words, from, sizeof words);
  return words;
#endif
}

MP_HD inline void store_words(void* to, const Words& words) {
#ifdef __CUDA_ARCH__
  *static_cast<uint4*>(to) = make_uint4(words.word[0], words.word[1], words.word[2], words.word[3]);
#else
  std::memcpy(to, &words, sizeof words);
#endif
}

// Two of them, the first in the lower half. One instruction from sm_80 on, which rounds as to_bfloat16 does.
MP_HD inline std::uint32_t to_bfloat16_pair(float first, float second) {
#ifdef __CUDA_ARCH__
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  return pair;
#else
  return static_cast<std::uint32_t>(to_bfloat16(first)) | static_cast<std::uint32_t>(to_bfloat16(second)) << 16U;
#endif
}

// N = 1: any element. N = kPack: `i` elements from an address of 16 bytes' alignment, in whole packs.
template <int N>
MP_HD Pack<N> load(const ConstReals& from, std::int64_t i) {
  Pack<N> pack;
  if constexpr (N == 1) {
    pack.x[0] = from[i];
  } else if (from.is_bfloat16) {
    const Words words = load_words(static_cast<const std::uint16_t*>(from.data) + i);
    for (int k = 0; k < N / 2; ++k) {
      pack.x[2 * k] = std::bit_cast<float>(words.word[k] << 16U);
      pack.x[2 * k + 1] = std::bit_cast<float>(words.word[k] & 0xffff0000U);
    }
  } else {
    for (int half = 0; half < 2; ++half) {
      const Words words = load_words(static_cast<const float*>(from.data) + i + 4 * half);
      for (int k = 0; k < 4; ++k) pack.x[4 * half + k] = std::bit_cast<float>(words.word[k]);
    }
  }
  return pack;
}

template <int N>
MP_HD void store(const Reals& to, std::int64_t i, const Pack<N>& pack) {
  if constexpr (N == 1) {
    to.set(i, pack.x[0]);
  } else if (to.is_bfloat16) {
    Words words;
    for (int k = 0; k < N / 2; ++k) words.word[k] = to_bfloat16_pair(pack.x[2 * k], pack.x[2 * k + 1]);
    store_words(static_cast<std::uint16_t*>(to.data) + i, words);
  } else {
    for (int half = 0; half < 2; ++half) {
      Words words;
      for (int k = 0; k < 4; ++k) words.word[k] = std::bit_cast<std::uint32_t>(pack.x[4 * half + k]);
      store_words(static_cast<float*>(to.data) + i + 4 * half, words);
    }
  }
}

MP_HD inline bool is_packable(const void* data) { return reinterpret_cast<std::uintptr_t>(data) % 16 == 0; }
template <class... Operands>
MP_HD bool are_packable(const Operands&... operands) {
  return (is_packable(operands.data) && ...);
}

// visit(std::integral_constant<int, N>, i) for the elements [0, width) of a row that are this thread's, packs first.
// `is_packed`: every row begins where load<kPack> can read.
template <class Group, class Visit>
MP_HD void for_packs(const Group& group, std::int64_t width, bool is_packed, const Visit& visit) {
  const std::int64_t whole = is_packed ? width / kPack * kPack : 0;
  for (std::int64_t i = group.rank() * kPack; i < whole; i += group.size() * kPack) {
    visit(std::integral_constant<int, kPack>{}, i);
  }
  for (std::int64_t i = whole + group.rank(); i < width; i += group.size()) {
    visit(std::integral_constant<int, 1>{}, i);
  }
}

// Rows of so many elements, side by side, of operands that all begin where packs can.
template <class... Operands>
MP_HD bool are_rows_packable(std::int64_t row, const Operands&... operands) {
  return row % kPack == 0 && are_packable(operands...);
}

// An item to eight elements: Item has run<N>(i) for elements i … i + N − 1.
template <class Item>
struct PackedItem {
  Item item;
  std::int64_t count;  // elements
  MP_HD void operator()(std::int64_t pack) const {
    const std::int64_t first = pack * kPack;
    if (first + kPack <= count) return item.template run<kPack>(first);
    for (std::int64_t i = first; i < count; ++i) item.template run<1>(i);
  }
};

template <class Item>
struct SingleItem {
  Item item;
  MP_HD void operator()(std::int64_t i) const { item.template run<1>(i); }
};

// item.run<1>(i) for every i in [0, count), in packs where item.is_packable().
template <class Item>
void for_elements(const Queue& queue, std::int64_t count, const Item& item) {
  if (item.is_packable()) return for_items(queue, divide_up(count, kPack), PackedItem<Item>{item, count});
  for_items(queue, count, SingleItem<Item>{item});
}

}  // namespace mp::runtime::gpu
