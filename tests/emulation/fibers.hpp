// Functions with a stack each, in one thread, that give way to each other.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace mp::emulation {

class Fibers {
 public:
  using Body = void (*)(std::size_t fiber);
  // Each of `count` fibers calls body(i) anew whenever it is entered after its end.
  Fibers(std::size_t count, Body body);
  ~Fibers();
  Fibers(const Fibers&) = delete;
  Fibers& operator=(const Fibers&) = delete;

  // From outside: goes on with a fiber; returns when one calls leave().
  void enter(std::size_t fiber);
  // From a fiber, which goes on from here when it is entered or changed to again.
  void change(std::size_t from, std::size_t to);
  void leave(std::size_t from);
  // Those that have begun and not ended begin anew.
  void forget();

 private:
  struct Fiber;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::unique_ptr<Fiber> outside_;
};

}  // namespace mp::emulation
