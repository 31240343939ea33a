#include "runtime/cpu/onednn.hpp"

#include "runtime/cpu/onednn_calls.hpp"

namespace mp::runtime::cpu::onednn {

void sgemm(const Gemm& g) {
  const OneThread one;
  const dnnl_status_t status = dnnl_sgemm(g.transpose_a ? 'T' : 'N', g.transpose_b ? 'T' : 'N', g.m, g.n, g.k, g.alpha,
                                          g.a, g.lda, g.b, g.ldb, g.beta, g.c, g.ldc);
  if (status != dnnl_success) {
    throw RunError(
        fmt::format("oneDNN: sgemm of {} × {} × {} failed (status {})", g.m, g.n, g.k, static_cast<int>(status)));
  }
}

}  // namespace mp::runtime::cpu::onednn
