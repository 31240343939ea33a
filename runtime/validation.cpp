#include "runtime/validation.hpp"

#include <fmt/core.h>

#include <charconv>
#include <utility>

#include "runtime/weights.hpp"

namespace mp::runtime {
namespace {

constexpr const char* kBestLoss = "validation.best_loss";
constexpr const char* kBestStep = "validation.best_step";
constexpr const char* kSinceBest = "validation.since_best";

template <class Number>
bool read(const Metadata& metadata, const char* name, Number& number) {
  const auto found = metadata.find(name);
  if (found == metadata.end()) return false;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

Metadata to_metadata(const ValidationState& state) {
  if (!state.best_loss && state.since_best == 0) return {};
  Metadata metadata{{kBestStep, std::to_string(state.best_step)}, {kSinceBest, std::to_string(state.since_best)}};
  if (state.best_loss) metadata.emplace(kBestLoss, fmt::format("{:.17g}", *state.best_loss));
  return metadata;
}

ValidationState validation_state_of(const Metadata& metadata) {
  ValidationState state;
  double best_loss = 0.0;
  if (!read(metadata, kBestStep, state.best_step) || !read(metadata, kSinceBest, state.since_best)) return {};
  if (read(metadata, kBestLoss, best_loss)) state.best_loss = best_loss;
  return state;
}

Validator::Validator(Executor& trained, Evaluator& evaluator, const DataSource& data, ValidationOptions options,
                     ValidationState state)
    : trained_(&trained), evaluator_(&evaluator), data_(&data), options_(std::move(options)), state_(state) {}

Evaluation Validator::measure() { return evaluator_->run(*trained_, *data_, options_.evaluate); }

// A loss that is no number is never a best one.
std::optional<Evaluation> Validator::after_step(std::int64_t step) {
  if (step % options_.every_steps != 0) return std::nullopt;
  const Evaluation evaluation = measure();
  const bool is_best = state_.best_loss ? evaluation.loss < *state_.best_loss : evaluation.loss == evaluation.loss;
  ++state_.since_best;
  if (is_best) {
    state_ = {.best_loss = evaluation.loss, .best_step = step, .since_best = 0};
    if (options_.best_weights) save_weights(*trained_, *options_.best_weights);
  }
  return evaluation;
}

}  // namespace mp::runtime
