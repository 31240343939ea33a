#include "runtime/data/token_inputs.hpp"

#include <fmt/core.h>

#include <string>

#include "lib/base/error.hpp"
#include "runtime/data/bpe_vocabulary.hpp"

namespace mp::runtime {

Text TokenInputs::find_text(const GraphInput& input) const {
  const DataSources& sources = options_.sources;
  const HoldOut hold_out = options_.is_whole_set ? HoldOut::kNothing : HoldOut::kEnd;
  if (!sources.token_files.empty()) {
    if (sources.vocabulary) {
      throw InputError(*sources.vocabulary, Issue{"", "a vocabulary is for text, but there are token files instead"});
    }
    std::optional<std::size_t> width;
    if (sources.token_type) width = *sources.token_type == TokenType::kUint16 ? 2 : 4;
    return open_token_files(sources.token_files, {.width = width, .vocabulary = index_bound(graph_, input.tensor)},
                            hold_out);
  }
  const std::unique_ptr<Vocabulary> vocabulary =
      sources.vocabulary ? open_bpe_vocabulary(*sources.vocabulary) : nullptr;
  const TextOptions text{.hold_out = hold_out, .vocabulary = vocabulary.get()};
  return sources.text.empty() ? open_default_text(text) : runtime::open_text(sources.text, text);
}

void TokenInputs::open_text(const GraphInput& input) {
  const Tensor& tensor = graph_.tensor(input.tensor);
  const std::int64_t context = context_ = tensor.type.shape[1];
  text_ = std::make_shared<const Text>(find_text(input));
  if (text_->training.size() <= context) {
    throw InputError(
        text_->description,
        Issue{"", fmt::format("{} tokens to train on are too few for input '{}': a window of {} tokens and "
                              "the one after it are needed",
                              text_->training.size(), tensor.name, context)});
  }
  // The windows read from the text and live as long as its feeds.
  const auto windows_of = [&](const TokenSequence& tokens, bool is_shuffled) {
    struct Owner {
      std::shared_ptr<const Text> text;
      TextWindows windows;
    };
    auto owner = std::make_shared<const Owner>(Owner{text_, TextWindows(tokens, context, options_.seed, is_shuffled)});
    return std::shared_ptr<const TextWindows>(owner, &owner->windows);
  };
  training_windows_ = windows_of(text_->training, !options_.is_whole_set);
  if (text_->held_out.size() > context) held_out_windows_ = windows_of(text_->held_out, false);
  count_samples(data_, training_windows_->windows(), held_out_windows_ ? held_out_windows_->windows() : 0);
  data_.description = (options_.sources.token_files.empty() ? "text: " : "tokens: ") + text_->description;
}

FeedPair TokenInputs::open(const GraphInput& input, std::int64_t shift) {
  const Tensor& tensor = graph_.tensor(input.tensor);
  const Shape& shape = tensor.type.shape;
  if (tensor.type.type != DataType::kInt64 || shape.size() != 2 || elements(shape) == 0) {
    fail_at_input(graph_, tensor,
                  fmt::format("tokens are int64[batch, context], but it is {}", to_string(tensor.type)));
  }
  if (!text_) open_text(input);
  const std::int64_t context = shape[1];
  if (context_ != context) {
    fail_at_input(graph_, tensor,
                  fmt::format("has a context of {}, but another input of tokens has {}", context, context_));
  }
  count_tokens(input);
  FeedPair feeds{make_token_feed(training_windows_, context, shift), nullptr};
  if (held_out_windows_) feeds.held_out = make_token_feed(held_out_windows_, context, shift);
  return feeds;
}

// Also checks that the model knows all of them.
void TokenInputs::count_tokens(const GraphInput& input) {
  constexpr std::int64_t kMostCounted = 1 << 24;
  const std::optional<std::int64_t> bound = index_bound(graph_, input.tensor);
  if (bound == counted_below_ && data_.unigram_entropy) return;  // the targets of the tokens
  const TokenCounts trained = text_->training.counts(bound.value_or(kMostCounted));
  const TokenCounts held_out = text_->held_out.counts(bound.value_or(kMostCounted));
  const std::optional<std::string>& beyond = trained.first_beyond ? trained.first_beyond : held_out.first_beyond;
  const bool is_bytes = options_.sources.token_files.empty() && !options_.sources.vocabulary;
  if (bound && beyond) {
    throw InputError(
        *beyond, Issue{"", fmt::format("input '{}' of the model takes values below {}: its vocabulary is "
                                       "too small{}",
                                       graph_.tensor(input.tensor).name, *bound, is_bytes ? ", bytes need 256" : "")});
  }
  counted_below_ = bound;
  data_.unigram_entropy = entropy(trained.of_token);
}

}  // namespace mp::runtime
