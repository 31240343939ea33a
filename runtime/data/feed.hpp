// What fills one input: values of samples, numbered over the whole training.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "runtime/data/sample_order.hpp"
#include "runtime/data/samples.hpp"
#include "runtime/data/text.hpp"

namespace mp::runtime {

// Slice k holds rows k·rows … (k+1)·rows − 1 of the input's samples from `first_sample` on, so a step has the same
// samples however many microbatches it is cut into. Stateless: any thread may call it.
class Feed {
 public:
  virtual ~Feed() = default;
  virtual void fill(std::int64_t slice, std::int64_t first_sample, std::span<std::byte> values) const = 0;
};

// Independent standard normal float32 values from the stream of this name; samples are no more than values here:
// first_sample makes no difference.
[[nodiscard]] std::unique_ptr<Feed> make_normal_feed(std::uint64_t seed, std::string_view name);

// Which windows of a text a run meets: `context` tokens and one more, at every multiple of `context`, each epoch
// shifted by another offset where there is room.
class TextWindows {
 public:
  // `tokens` holds at least context + 1 tokens and outlives this. Without shuffling, windows come in their order.
  TextWindows(const TokenSequence& tokens, std::int64_t context, std::uint64_t seed, bool is_shuffled);
  void copy(std::int64_t sample, std::int64_t shift, std::span<std::int64_t> window) const;
  [[nodiscard]] std::int64_t windows() const { return order_.size(); }

 private:
  const TokenSequence* tokens_;
  std::int64_t context_;
  std::uint64_t seed_;
  bool is_shuffled_;
  SampleOrder order_;
};
// int64 tokens of the windows, `shift` tokens on (1: the next tokens, the targets).
[[nodiscard]] std::unique_ptr<Feed> make_token_feed(std::shared_ptr<const TextWindows> windows, std::int64_t context,
                                                    std::int64_t shift);

// Samples `first` … `first` + order.size() − 1 of a set.
struct SampleRange {
  std::int64_t first = 0;
  SampleOrder order;
  bool is_shuffled = true;
  // The set's samples are numbered in this order instead of the files': where those stand class by class, either part
  // has some of each.
  std::optional<SampleOrder> numbering{};
};
template <class T>
[[nodiscard]] std::unique_ptr<Feed> make_sample_feed(std::shared_ptr<const Samples<T>> samples, SampleRange range);
extern template std::unique_ptr<Feed> make_sample_feed(std::shared_ptr<const Samples<float>>, SampleRange);
extern template std::unique_ptr<Feed> make_sample_feed(std::shared_ptr<const Samples<std::int64_t>>, SampleRange);

}  // namespace mp::runtime
