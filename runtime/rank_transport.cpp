#include "runtime/rank_transport.hpp"

namespace mp::runtime {
namespace {

constexpr std::string_view kHostBackend = "cpu";  // whose arenas are host memory

}  // namespace

RankTransport::RankTransport(RankGroup& ranks, std::span<const Message> messages, std::span<Backend* const> backends)
    : ranks_(ranks), local_(messages, backends), remote_(ranks.make_transport(messages)), ways_(messages.size()) {
  for (std::size_t m = 0; m < messages.size(); ++m) {
    Backend* from = backends[index(messages[m].from)];
    Backend* to = backends[index(messages[m].to)];
    Way& way = ways_[m];
    way.is_local = from != nullptr && to != nullptr;
    way.backend = from != nullptr ? from : to;
    way.size_bytes = messages[m].size_bytes;
    if (way.is_local || way.backend == nullptr || way.backend->name() == kHostBackend) continue;
    way.staging.resize(static_cast<std::size_t>(way.size_bytes));
  }
  listener_ = ranks_.on_failure([this] { abort(); });
}

RankTransport::~RankTransport() { ranks_.forget(listener_); }

void RankTransport::send(std::int32_t message, const void* data) {
  Way& way = ways_[static_cast<std::size_t>(message)];
  if (way.is_local) return local_.send(message, data);
  if (!way.staging.empty()) {
    way.backend->copy_to_host(way.staging.data(), data, way.size_bytes);
    data = way.staging.data();
  }
  way.backend->synchronize();  // the data is there, not merely ordered
  remote_->send(message, data);
}

void RankTransport::wait_send(std::int32_t message) {
  const Way& way = ways_[static_cast<std::size_t>(message)];
  return way.is_local ? local_.wait_send(message) : remote_->wait_send(message);
}

void RankTransport::receive(std::int32_t message, void* data) {
  Way& way = ways_[static_cast<std::size_t>(message)];
  if (way.is_local) return local_.receive(message, data);
  if (way.staging.empty()) return remote_->receive(message, data);
  remote_->receive(message, way.staging.data());
  way.backend->copy_from_host(data, way.staging.data(), way.size_bytes);
  way.backend->synchronize();  // the staging buffer is free again
}

void RankTransport::abort() noexcept {
  local_.abort();
  remote_->abort();
}

}  // namespace mp::runtime
