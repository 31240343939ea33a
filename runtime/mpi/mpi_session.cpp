#include "runtime/mpi/mpi_session.hpp"

#include <cstdint>

#include "lib/base/error.hpp"
#include "runtime/mpi/check.hpp"
#include "runtime/mpi/mpi_transport.hpp"

namespace mp::runtime {
namespace {

class Session final : public MpiSession {
 public:
  Session() {
    int provided = MPI_THREAD_SINGLE;
    MP_MPI(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided));
    if (provided != MPI_THREAD_MULTIPLE) {
      throw RunError(
          "this MPI cannot be called from several threads (MPI_THREAD_MULTIPLE): another build of it can, or "
          "start the ranks with --transport tcp");
    }
    MP_MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    MP_MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank_));
    MP_MPI(MPI_Comm_size(MPI_COMM_WORLD, &size_));
  }

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }

  [[nodiscard]] std::string broadcast(std::string first) override {
    std::uint64_t size_bytes = first.size();
    MP_MPI(MPI_Bcast(&size_bytes, sizeof size_bytes, MPI_BYTE, 0, MPI_COMM_WORLD));
    first.resize(static_cast<std::size_t>(size_bytes));
    MP_MPI(MPI_Bcast(first.data(), static_cast<int>(first.size()), MPI_BYTE, 0, MPI_COMM_WORLD));
    return first;
  }

  [[nodiscard]] std::unique_ptr<Transport> make_transport(RankGroup& ranks,
                                                          std::span<const Message> messages) override {
    return std::make_unique<MpiTransport>(ranks, messages);
  }

  void finish() override { MP_MPI(MPI_Finalize()); }

 private:
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace

std::unique_ptr<MpiSession> start_mpi() { return std::make_unique<Session>(); }

}  // namespace mp::runtime
