#include "runtime/data/feed.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/random.hpp"

namespace mp::runtime {
namespace {

// Slices come from buffers aligned for every element type.
template <class T>
std::span<T> as(std::span<std::byte> bytes) {
  return {static_cast<T*>(static_cast<void*>(bytes.data())), bytes.size() / sizeof(T)};
}

class NormalFeed final : public Feed {
 public:
  NormalFeed(std::uint64_t seed, std::string_view name) : stream_(seed, name) {}
  void fill(std::int64_t slice, std::int64_t /*first_sample*/, std::span<std::byte> values) const override {
    const std::span<float> out = as<float>(values);
    const std::uint64_t first = static_cast<std::uint64_t>(slice) * out.size();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(stream_.normal(first + i));
  }

 private:
  RandomStream stream_;
};

class TokenFeed final : public Feed {
 public:
  TokenFeed(std::shared_ptr<const TextWindows> windows, std::int64_t context, std::int64_t shift)
      : windows_(std::move(windows)), context_(static_cast<std::size_t>(context)), shift_(shift) {}
  void fill(std::int64_t slice, std::int64_t first_sample, std::span<std::byte> values) const override {
    const std::span<std::int64_t> out = as<std::int64_t>(values);
    const std::size_t rows = out.size() / context_;
    for (std::size_t row = 0; row < rows; ++row) {
      const auto sample = first_sample + slice * static_cast<std::int64_t>(rows) + static_cast<std::int64_t>(row);
      windows_->copy(sample, shift_, out.subspan(row * context_, context_));
    }
  }

 private:
  std::shared_ptr<const TextWindows> windows_;
  std::size_t context_;
  std::int64_t shift_;
};

template <class T>
class SampleFeed final : public Feed {
 public:
  SampleFeed(std::shared_ptr<const Samples<T>> samples, SampleRange range)
      : samples_(std::move(samples)), range_(std::move(range)) {}
  void fill(std::int64_t slice, std::int64_t first_sample, std::span<std::byte> values) const override {
    const std::span<T> out = as<T>(values);
    const auto size = static_cast<std::size_t>(samples_->elements());
    const std::size_t rows = out.size() / size;
    for (std::size_t row = 0; row < rows; ++row) {
      const auto position = first_sample + slice * static_cast<std::int64_t>(rows) + static_cast<std::int64_t>(row);
      samples_->copy(sample_at(position), out.subspan(row * size, size));
    }
  }

 private:
  [[nodiscard]] std::int64_t sample_at(std::int64_t position) const {
    const std::int64_t number =
        range_.first + (range_.is_shuffled ? range_.order.at(position) : position % range_.order.size());
    return range_.numbering ? range_.numbering->at(number) : number;
  }

  std::shared_ptr<const Samples<T>> samples_;
  SampleRange range_;
};

// One window less than fits leaves a whole context of room for the epochs' offsets.
std::int64_t window_count(std::int64_t tokens, std::int64_t context, bool is_shuffled) {
  const std::int64_t fitting = (tokens - 1) / context;
  return is_shuffled ? std::max<std::int64_t>(1, fitting - 1) : fitting;
}

}  // namespace

TextWindows::TextWindows(const TokenSequence& tokens, std::int64_t context, std::uint64_t seed, bool is_shuffled)
    : tokens_(&tokens),
      context_(context),
      seed_(seed),
      is_shuffled_(is_shuffled),
      order_(seed, window_count(tokens.size(), context, is_shuffled)) {}

void TextWindows::copy(std::int64_t sample, std::int64_t shift, std::span<std::int64_t> window) const {
  const std::int64_t windows = order_.size();
  if (!is_shuffled_) return tokens_->copy((sample % windows) * context_ + shift, window);
  const auto room = static_cast<std::uint64_t>(tokens_->size() - 1 - windows * context_);
  const RandomStream offsets(seed_, "window offset", static_cast<std::uint64_t>(sample / windows));
  const auto offset = static_cast<std::int64_t>(offsets.below(0, room + 1));
  tokens_->copy(offset + order_.at(sample) * context_ + shift, window);
}

std::unique_ptr<Feed> make_normal_feed(std::uint64_t seed, std::string_view name) {
  return std::make_unique<NormalFeed>(seed, name);
}

std::unique_ptr<Feed> make_token_feed(std::shared_ptr<const TextWindows> windows, std::int64_t context,
                                      std::int64_t shift) {
  return std::make_unique<TokenFeed>(std::move(windows), context, shift);
}

template <class T>
std::unique_ptr<Feed> make_sample_feed(std::shared_ptr<const Samples<T>> samples, SampleRange range) {
  return std::make_unique<SampleFeed<T>>(std::move(samples), std::move(range));
}

template std::unique_ptr<Feed> make_sample_feed(std::shared_ptr<const Samples<float>>, SampleRange);
template std::unique_ptr<Feed> make_sample_feed(std::shared_ptr<const Samples<std::int64_t>>, SampleRange);

}  // namespace mp::runtime
