// Streams: work put in is done in order by the stream's own thread, behind the thread that put it in.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace mp::emulation {

class Queue;

// Done once, or at each launch of the graph it is captured in: it must own what it needs, and may not change it.
using Work = std::function<void()>;

// Puts work into the stream, or into the graph that the stream is being captured in. The work may wait for the work of
// other streams. What it throws fails the device, as a kernel's illegal access does.
[[nodiscard]] cudaError_t put_in(cudaStream_t stream, Work work);

[[nodiscard]] int device_of(cudaStream_t stream);

// A place in a stream's work: reached when all that was put in before it is done.
class Point {
 public:
  explicit Point(const std::shared_ptr<Queue>& queue);
  ~Point();
  Point(const Point&) = delete;
  Point& operator=(const Point&) = delete;
  void reach();
  void wait();    // counts as waiting for the stream: work that is done late is done now
  void demand();  // likewise, but does not wait
  [[nodiscard]] bool is_reached() const;

 private:
  friend std::shared_ptr<Point> put_point(cudaStream_t stream);
  struct State;
  std::unique_ptr<State> state_;
};

// Puts a point into the stream; outside of captures.
[[nodiscard]] std::shared_ptr<Point> put_point(cudaStream_t stream);

// Waits for all work put into the streams of a device up to now.
void finish_device(int device);

}  // namespace mp::emulation
