#include "runtime/data/prefetch.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/thread_name.hpp"

namespace mp::runtime {
namespace {

constexpr std::int64_t kNoStep = -1;

// kComing: the thread has it in hand.
enum class State : std::uint8_t { kAbsent, kComing, kReady };

// A step's slices, microbatch after microbatch.
struct PreparedStep {
  std::int64_t step = kNoStep;
  bool is_pending = false;  // the thread has not begun with it
  bool is_busy = false;     // or is at it
  std::unique_ptr<std::byte[]> values;
  std::vector<State> states;
  std::exception_ptr error;
};

class PrefetchedSource final : public DataSource {
 public:
  PrefetchedSource(std::unique_ptr<DataSource> source, const Graph& graph, std::int32_t microbatches)
      : source_(std::move(source)), inputs_(graph.inputs().size()) {
    for (std::int32_t m = 0; m < microbatches; ++m) {
      for (const GraphInput& input : graph.inputs()) {
        offsets_.push_back(offsets_.back() + static_cast<std::size_t>(bytes(graph.tensor(input.tensor).type)));
      }
    }
    wanted_.assign(offsets_.size() - 1, false);
    for (PreparedStep& step : steps_) {
      step.values.reset(new std::byte[offsets_.back()]);  // untouched until it is used
      step.states.assign(wanted_.size(), State::kAbsent);
    }
    thread_ = std::thread([this] {
      name_this_thread("samples");
      work();
    });
  }
  PrefetchedSource(const PrefetchedSource&) = delete;
  PrefetchedSource& operator=(const PrefetchedSource&) = delete;
  ~PrefetchedSource() override {
    {
      const std::lock_guard lock(mutex_);
      quit_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void fill(std::size_t input, std::int64_t step, std::int32_t microbatch, std::span<std::byte> slice) const override {
    const std::size_t number = static_cast<std::size_t>(microbatch) * inputs_ + input;
    if (!take(number, step, slice)) source_->fill(input, step, microbatch, slice);
  }

 private:
  // Whether the slice was, or came to be, ready.
  bool take(std::size_t number, std::int64_t step, std::span<std::byte> slice) const {
    std::unique_lock lock(mutex_);
    wanted_[number] = true;
    if (step != current_) order_after(step);
    for (PreparedStep& prepared : steps_) {
      if (prepared.step != step || prepared.states[number] == State::kAbsent) continue;
      changed_.wait(lock, [&] { return prepared.states[number] == State::kReady || prepared.error || quit_; });
      if (prepared.error) std::rethrow_exception(prepared.error);
      if (prepared.states[number] != State::kReady) return false;
      lock.unlock();  // nobody writes to a step that is asked for
      std::memcpy(slice.data(), prepared.values.get() + offsets_[number], slice.size());
      return true;
    }
    return false;
  }

  // Gives the thread the step after `step`, where there is room for it: a step that is asked for stays.
  void order_after(std::int64_t step) const {
    current_ = step;
    if (steps_[0].step == step + 1 || steps_[1].step == step + 1) return;
    for (PreparedStep& prepared : steps_) {
      if (prepared.step == step || prepared.is_busy) continue;
      prepared.step = step + 1;
      prepared.error = nullptr;
      prepared.is_pending = true;
      for (std::size_t i = 0; i < wanted_.size(); ++i)
        prepared.states[i] = wanted_[i] ? State::kComing : State::kAbsent;
      changed_.notify_all();
      return;
    }
  }

  void work() {
    std::unique_lock lock(mutex_);
    const auto is_pending = [](const PreparedStep& step) { return step.is_pending; };
    for (;;) {
      changed_.wait(lock, [&] { return quit_ || std::any_of(steps_.begin(), steps_.end(), is_pending); });
      if (quit_) return;
      const bool is_first = is_pending(steps_[0]) && (!is_pending(steps_[1]) || steps_[0].step < steps_[1].step);
      prepare(steps_[is_first ? 0 : 1], lock);
    }
  }

  void prepare(PreparedStep& prepared, std::unique_lock<std::mutex>& lock) {
    prepared.is_pending = false;
    prepared.is_busy = true;
    for (std::size_t i = 0; i < wanted_.size() && !quit_ && !prepared.error; ++i) {
      if (prepared.states[i] != State::kComing) continue;
      lock.unlock();
      std::exception_ptr error;
      try {
        source_->fill(i % inputs_, prepared.step, static_cast<std::int32_t>(i / inputs_),
                      {prepared.values.get() + offsets_[i], offsets_[i + 1] - offsets_[i]});
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      prepared.error = error;
      prepared.states[i] = State::kReady;
      changed_.notify_all();
    }
    prepared.is_busy = false;
  }

  std::unique_ptr<DataSource> source_;
  std::size_t inputs_;
  std::vector<std::size_t> offsets_ = {0};  // of the slices, and the end
  mutable std::mutex mutex_;                // guards what follows
  mutable std::condition_variable changed_;
  mutable std::vector<bool> wanted_;        // by slice
  mutable std::int64_t current_ = kNoStep;  // asked for last
  mutable std::array<PreparedStep, 2> steps_;
  bool quit_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<DataSource> prefetched(std::unique_ptr<DataSource> source, const Graph& graph,
                                       std::int32_t microbatches) {
  return std::make_unique<PrefetchedSource>(std::move(source), graph, microbatches);
}

}  // namespace mp::runtime
