// A change keeps the registers by __builtin_setjmp: 10 ns, where swapcontext asks the kernel for the signal mask each
// time. Contexts serve to begin on a new stack.
#include "tests/emulation/fibers.hpp"

#include <ucontext.h>

#include <array>
#include <cstddef>
#include <cstdint>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace mp::emulation {
namespace {

constexpr std::size_t kStackBytes = std::size_t{64} << 10;

}  // namespace

struct Fibers::Fiber {
  std::array<void*, 5> registers{};
  ucontext_t context{};
  std::unique_ptr<std::byte[]> stack;
  bool has_begun = false;
  Body body = nullptr;
  std::size_t number = 0;
#ifdef __SANITIZE_THREAD__
  void* of_sanitizer = nullptr;
  void tell_sanitizer() const { __tsan_switch_to_fiber(of_sanitizer, 0); }
#else
  void tell_sanitizer() const {}
#endif

  // A pointer does not pass through makecontext, but in two halves.
  static void run(std::uint32_t low, std::uint32_t high) {
    const auto* self = reinterpret_cast<const Fiber*>(std::uintptr_t{low} | std::uintptr_t{high} << 32U);
    while (true) self->body(self->number);  // which ends by leaving
  }
  void prepare() {
    if (!stack) stack = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
    getcontext(&context);
    context.uc_stack.ss_sp = stack.get();
    context.uc_stack.ss_size = kStackBytes;
    context.uc_link = nullptr;
    const auto address = reinterpret_cast<std::uintptr_t>(this);
    makecontext(&context, reinterpret_cast<void (*)()>(&run), 2, static_cast<std::uint32_t>(address),
                static_cast<std::uint32_t>(address >> 32U));
  }
  [[gnu::noipa]] void go_on() {
    tell_sanitizer();
    if (has_begun) __builtin_longjmp(registers.data(), 1);
    has_begun = true;
    prepare();
    setcontext(&context);
  }
  [[gnu::noipa]] void give_way_to(Fiber& next) {
    if (__builtin_setjmp(registers.data()) == 0) next.go_on();
  }
};

Fibers::Fibers(std::size_t count, Body body) : outside_(std::make_unique<Fiber>()) {
  for (std::size_t i = 0; i < count; ++i) {
    fibers_.push_back(std::make_unique<Fiber>());
    fibers_.back()->body = body;
    fibers_.back()->number = i;
#ifdef __SANITIZE_THREAD__
    fibers_.back()->of_sanitizer = __tsan_create_fiber(0);
#endif
  }
  outside_->has_begun = true;
}

Fibers::~Fibers() {
#ifdef __SANITIZE_THREAD__
  for (const auto& fiber : fibers_) __tsan_destroy_fiber(fiber->of_sanitizer);
#endif
}

void Fibers::enter(std::size_t fiber) {
#ifdef __SANITIZE_THREAD__
  outside_->of_sanitizer = __tsan_get_current_fiber();
#endif
  outside_->give_way_to(*fibers_[fiber]);
}

void Fibers::change(std::size_t from, std::size_t to) { fibers_[from]->give_way_to(*fibers_[to]); }

void Fibers::leave(std::size_t from) { fibers_[from]->give_way_to(*outside_); }

void Fibers::forget() {
  for (const auto& fiber : fibers_) fiber->has_begun = false;
}

}  // namespace mp::emulation
