// Attention over a key/value cache of which the device alone knows how much is filled: a group of threads to each part
// of the keys, and a merge of the parts (Dao et al., "Flash-Decoding for long-context inference", 2023).
#pragma once

#include <cmath>
#include <cstdint>

#include "runtime/gpu/packs.hpp"
#include "runtime/gpu/portable.hpp"
#include "runtime/gpu/values.hpp"
#include "runtime/semantics/attention_sizes.hpp"

namespace mp::runtime::gpu {

inline constexpr std::int64_t kCachePart = 128;  // keys

struct CachedAttentionShape : AttentionSizes {
  const std::int64_t* last = nullptr;  // by batch item: the position of its last query

  MP_HD std::int64_t parts() const { return divide_up(keys, kCachePart); }
  MP_HD std::int64_t group() const { return query_heads / key_heads; }  // query heads that share a key head
  MP_HD std::int64_t key_stride() const { return key_heads * depth; }
  MP_HD std::int64_t value_stride() const { return key_heads * value_depth; }
  MP_HD std::int64_t before(std::int64_t b) const { return last[b] + 1 - queries; }  // keys in front of the new ones
  MP_HD bool fits(std::int64_t b) const { return last[b] >= queries - 1 && last[b] < keys; }
  // What a part leaves: its weighted values, their largest score, and the weights' sum.
  MP_HD std::int64_t partial() const { return value_depth + 2; }
};

// New keys and values into the cache. Items: elements of all new keys, then of all new values.
struct CacheAppendItem {
  CachedAttentionShape s;
  ConstReals keys;
  ConstReals values;
  Reals key_cache;
  Reals value_cache;
  Fault* fault;
  MP_HD void operator()(std::int64_t i) const {
    const std::int64_t of_keys = s.batch * s.queries * s.key_stride();
    if (i < of_keys) return copy(i, s.key_stride(), keys, key_cache);
    copy(i - of_keys, s.value_stride(), values, value_cache);
  }

 private:
  MP_HD void copy(std::int64_t i, std::int64_t stride, const ConstReals& from, const Reals& to) const {
    const Division item = divide(i, s.queries * stride);
    if (!s.fits(item.quotient)) {
      if (item.rest == 0) fault->raise(item.quotient, s.last[item.quotient]);
      return;
    }
    to.set((item.quotient * s.keys + s.before(item.quotient)) * stride + item.rest, from[i]);
  }
};

// A part of the keys of one query of one head: row ((b · queries + query) · heads + head) · parts + part.
struct CachedAttentionRow {
  CachedAttentionShape s;
  ConstReals q;
  ConstReals k;
  ConstReals v;
  float* weights;   // [rows, kCachePart]
  float* partials;  // [rows, partial()]
  template <class Group>
  MP_HD void operator()(std::int64_t row, const Group& group) const {
    const Division part = divide(row, s.parts());
    const Division head = divide(part.quotient, s.query_heads);
    const Division query = divide(head.quotient, s.queries);
    const std::int64_t b = query.quotient;
    const std::int64_t begin = part.rest * kCachePart;
    if (!s.fits(b)) return;
    const std::int64_t count = least(kCachePart, s.before(b) + query.rest + 1 - begin);
    if (count <= 0) return;
    const std::int64_t key_head = divide(head.rest, s.group()).quotient;
    const std::int64_t key = (b * s.keys + begin) * s.key_stride() + key_head * s.depth;
    const std::int64_t value = (b * s.keys + begin) * s.value_stride() + key_head * s.value_depth;
    float* const own = weights + row * kCachePart;
    float* const result = partials + row * s.partial();
    float top = -kInfinity;
    for (std::int64_t j = group.rank(); j < count; j += group.size()) {
      own[j] = s.scale * product(part.quotient * s.depth, key + j * s.key_stride());
      top = fmaxf(top, own[j]);
    }
    top = group.largest(top);
    double total = 0.0;
    for (std::int64_t j = group.rank(); j < count; j += group.size()) {
      own[j] = expf(own[j] - top);
      total += static_cast<double>(own[j]);
    }
    total = group.sum(total);
    group.wait();  // the weights are read by all
    for (std::int64_t e = group.rank(); e < s.value_depth; e += group.size()) {
      float sum = 0.0F;
      for (std::int64_t j = 0; j < count; ++j) sum += own[j] * v[value + j * s.value_stride() + e];
      result[e] = sum;
    }
    if (group.rank() != 0) return;
    result[s.value_depth] = top;
    result[s.value_depth + 1] = static_cast<float>(total);
  }

 private:
  MP_HD float product(std::int64_t query, std::int64_t key) const {
    float sum = 0.0F;
    if (s.depth % kPack == 0 && are_packable(q, k)) {
      for (std::int64_t d = 0; d < s.depth; d += kPack) {
        const Pack<kPack> x = load<kPack>(q, query + d);
        const Pack<kPack> y = load<kPack>(k, key + d);
        for (int n = 0; n < kPack; ++n) sum += x.x[n] * y.x[n];
      }
      return sum;
    }
    for (std::int64_t d = 0; d < s.depth; ++d) sum += q[query + d] * k[key + d];
    return sum;
  }
};

// An element of the result: of the parts that are filled, in their order.
struct CachedAttentionMergeItem {
  CachedAttentionShape s;
  const float* partials;
  Reals y;
  MP_HD void operator()(std::int64_t i) const {
    const Division element = divide(i, s.value_depth);
    const Division query = divide(divide(element.quotient, s.query_heads).quotient, s.queries);
    if (!s.fits(query.quotient)) return;
    const std::int64_t parts = divide_up(s.before(query.quotient) + query.rest + 1, kCachePart);
    const float* const first = partials + element.quotient * s.parts() * s.partial();
    float top = -kInfinity;
    for (std::int64_t p = 0; p < parts; ++p) top = fmaxf(top, first[p * s.partial() + s.value_depth]);
    float sum = 0.0F;
    float total = 0.0F;
    for (std::int64_t p = 0; p < parts; ++p) {
      const float* const part = first + p * s.partial();
      const float factor = expf(part[s.value_depth] - top);
      sum += factor * part[element.rest];
      total += factor * part[s.value_depth + 1];
    }
    y.set(i, sum / total);
  }
};

}  // namespace mp::runtime::gpu
