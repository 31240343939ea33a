#include "runtime/cuda/blas.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "runtime/cuda/stopwatch.hpp"

namespace mp::cuda {
namespace {

using runtime::gpu::MatrixProduct;

// What NVIDIA recommends for compute capability 9.
constexpr std::int64_t kWorkspaceBytes = std::int64_t{32} << 20;

constexpr std::size_t kMostProposals = 8;  // that are timed where products are tuned

[[noreturn]] void blas_failed(cublasStatus_t status, std::string_view call, int line) {
  throw RunError(fmt::format("cuBLAS: {} ({}) at {}:{}", cublasGetStatusName(status), call, __FILE__, line));
}

#define MP_CUBLAS(call)                                                              \
  do {                                                                               \
    const cublasStatus_t mp_status = (call);                                         \
    if (mp_status != CUBLAS_STATUS_SUCCESS) blas_failed(mp_status, #call, __LINE__); \
  } while (false)

cudaDataType type_of(bool is_bfloat16) { return is_bfloat16 ? CUDA_R_16BF : CUDA_R_32F; }

int narrow(std::int64_t value) {
  if (value > INT_MAX) throw RunError(fmt::format("cuBLAS: an extent of {} is more than it can take", value));
  return static_cast<int>(value);
}

cublasComputeType_t compute_type(const MatrixProduct& p, bool allow_tf32) {
  return allow_tf32 && !p.a.is_bfloat16 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

cublasOperation_t operation(bool is_transposed) { return is_transposed ? CUBLAS_OP_T : CUBLAS_OP_N; }

// Every address that a plan of cuBLASLt is run with is a multiple of this.
constexpr std::uint32_t kAlignment = 64;

bool is_aligned(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % kAlignment == 0; }

// Parts of a product are added up in float32, never in a result's bfloat16.
constexpr auto kMathMode =
    static_cast<cublasMath_t>(static_cast<unsigned>(CUBLAS_DEFAULT_MATH) |
                              static_cast<unsigned>(CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION));
std::uint32_t reductions(bool into_bfloat16) {
  return into_bfloat16 ? CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE : CUBLASLT_REDUCTION_SCHEME_MASK;
}

struct Layout {
  cublasLtMatrixLayout_t layout = nullptr;
  Layout(bool is_bfloat16, std::int64_t rows, std::int64_t columns, std::int64_t leading) {
    MP_CUBLAS(cublasLtMatrixLayoutCreate(&layout, type_of(is_bfloat16), static_cast<std::uint64_t>(rows),
                                         static_cast<std::uint64_t>(columns), leading));
  }
  ~Layout() { static_cast<void>(cublasLtMatrixLayoutDestroy(layout)); }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;
};

// A description of cuBLASLt with its attributes.
struct Description {
  cublasLtMatmulDesc_t description = nullptr;
  explicit Description(cublasComputeType_t type) {
    MP_CUBLAS(cublasLtMatmulDescCreate(&description, type, CUDA_R_32F));
  }
  ~Description() { static_cast<void>(cublasLtMatmulDescDestroy(description)); }
  Description(const Description&) = delete;
  Description& operator=(const Description&) = delete;
  template <class T>
  void set(cublasLtMatmulDescAttributes_t attribute, const T& value) const {
    MP_CUBLAS(cublasLtMatmulDescSetAttribute(description, attribute, &value, sizeof value));
  }
};

struct Preference {
  cublasLtMatmulPreference_t preference = nullptr;
  Preference() { MP_CUBLAS(cublasLtMatmulPreferenceCreate(&preference)); }
  ~Preference() { static_cast<void>(cublasLtMatmulPreferenceDestroy(preference)); }
  Preference(const Preference&) = delete;
  Preference& operator=(const Preference&) = delete;
  template <class T>
  void set(cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
    MP_CUBLAS(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value));
  }
};

}  // namespace

// A and B exchanged, as LtPlan says.
cublasLtEpilogue_t epilogue_of(const MatrixProduct& p) {
  using runtime::gpu::Epilogue;
  switch (p.epilogue) {
    case Epilogue::kNone:
      return p.bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    case Epilogue::kGelu:
      if (p.kept) return p.bias ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS : CUBLASLT_EPILOGUE_GELU_AUX;
      return p.bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    case Epilogue::kGeluGradient:
      return CUBLASLT_EPILOGUE_DGELU;
    case Epilogue::kColumnSums:
      return CUBLASLT_EPILOGUE_BGRADA;
    case Epilogue::kRowSums:
      return CUBLASLT_EPILOGUE_BGRADB;
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}

// Row-major C = op(A)·op(B) is column-major Cᵀ = op(B)ᵀ·op(A)ᵀ: the same memory, the operands exchanged. The bias, one
// number to a column of C, is one to a row of Cᵀ, as the epilogue wants it.
struct Blas::LtPlan {
  Description description;
  Layout a;
  Layout b;
  Layout c;
  std::vector<cublasLtMatmulAlgo_t> proposed;  // best first, as cuBLASLt has it
  std::size_t chosen = 0;
  bool is_tuned = false;

  LtPlan(const MatrixProduct& p, bool allow_tf32)
      : description(compute_type(p, allow_tf32)),
        a(p.b.is_bfloat16, p.transpose_b ? p.k : p.n, p.transpose_b ? p.n : p.k, p.ldb),
        b(p.a.is_bfloat16, p.transpose_a ? p.m : p.k, p.transpose_a ? p.k : p.m, p.lda),
        c(p.c.is_bfloat16, p.n, p.m, p.ldc) {
    description.set(CUBLASLT_MATMUL_DESC_TRANSA, operation(p.transpose_b));
    description.set(CUBLASLT_MATMUL_DESC_TRANSB, operation(p.transpose_a));
    description.set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(p));
    if (p.bias) description.set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, type_of(p.bias.is_bfloat16));
    if (p.sums) description.set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, type_of(p.sums.is_bfloat16));
    if (p.kept) description.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, p.ldc);
    // The heuristics take from an address how addresses are aligned: no better than this one.
    point_to(p, reinterpret_cast<const void*>(std::uintptr_t{kAlignment}),
             reinterpret_cast<const void*>(std::uintptr_t{kAlignment}));
  }

  // The vector and the matrix of the epilogue, which are no arguments of the call.
  void point_to(const MatrixProduct& p) const { point_to(p, p.sums ? p.sums.data : p.bias.data, p.kept.data); }

 private:
  void point_to(const MatrixProduct& p, const void* vector, const void* kept) const {
    if (p.sums || p.bias) description.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, vector);
    if (p.kept) description.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, kept);
  }
};

Blas::Blas(cudaStream_t stream, const BlasOptions& options)
    : stream_(stream), options_(options), workspace_(allocate(kWorkspaceBytes, stream)) {
  MP_CUBLAS(cublasCreate(&handle_));
  try {
    MP_CUBLAS(cublasSetStream(handle_, stream));
    MP_CUBLAS(cublasSetWorkspace(handle_, workspace_.get(), static_cast<std::size_t>(kWorkspaceBytes)));
    MP_CUBLAS(cublasSetMathMode(handle_, kMathMode));
    MP_CUBLAS(cublasLtCreate(&lt_));
  } catch (...) {
    static_cast<void>(cublasDestroy(handle_));
    throw;
  }
}

Blas::~Blas() {
  plans_.clear();
  static_cast<void>(cublasLtDestroy(lt_));
  static_cast<void>(cublasDestroy(handle_));
}

std::int64_t Blas::workspace_bytes() const { return kWorkspaceBytes; }

bool Blas::is_planned(const MatrixProduct& p) {
  return p.batch == 1 && p.beta == 0.0F && p.k > 0 && (!p.bias || p.bias.is_bfloat16 == p.c.is_bfloat16) &&
         is_aligned(p.a.data) && is_aligned(p.b.data) && is_aligned(p.c.data) && is_aligned(p.bias.data) &&
         (p.a.is_bfloat16 || !p.c.is_bfloat16) && !plan_of(p).proposed.empty();
}

bool Blas::takes_bias(const MatrixProduct& p) { return is_planned(p); }

Blas::LtPlan& Blas::plan_of(const MatrixProduct& p) {
  const LtKey key{p.transpose_a,
                  p.transpose_b,
                  p.m,
                  p.n,
                  p.k,
                  p.lda,
                  p.ldb,
                  p.ldc,
                  p.a.is_bfloat16 ? 1 : 0,
                  p.c.is_bfloat16 ? 1 : 0,
                  static_cast<std::int64_t>(p.epilogue),
                  p.kept ? 1 : 0,
                  p.bias ? 1 : 0,
                  p.sums && p.sums.is_bfloat16 ? 1 : 0,
                  p.added ? 1 : 0};
  std::unique_ptr<LtPlan>& plan = plans_[key];
  if (plan) return *plan;
  auto made = std::make_unique<LtPlan>(p, options_.allow_tf32);
  Preference preference;
  preference.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<std::size_t>(kWorkspaceBytes));
  preference.set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, reductions(p.c.is_bfloat16));
  for (const auto attribute :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    preference.set(attribute, kAlignment);
  }
  std::vector<cublasLtMatmulHeuristicResult_t> results(options_.tunes ? kMostProposals : 1);
  int count = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      lt_, made->description.description, made->a.layout, made->b.layout, made->c.layout, made->c.layout,
      preference.preference, static_cast<int>(results.size()), results.data(), &count);
  results.resize(status == CUBLAS_STATUS_SUCCESS ? static_cast<std::size_t>(count) : 0);
  for (const cublasLtMatmulHeuristicResult_t& result : results) {
    if (result.state == CUBLAS_STATUS_SUCCESS) made->proposed.push_back(result.algo);
  }
  plan = std::move(made);
  return *plan;
}

// What is put in last is what the output keeps: run() does the chosen one once more.
void Blas::tune(LtPlan& plan, const MatrixProduct& p) {
  constexpr int kRounds = 3;
  Stopwatch stopwatch(stream_);
  float least = std::numeric_limits<float>::max();
  for (std::size_t i = 0; i < plan.proposed.size(); ++i) {
    const std::size_t best = std::exchange(plan.chosen, i);
    float milliseconds = std::numeric_limits<float>::max();
    const bool is_there = run_once(plan, p);  // loads its kernels
    for (int round = 0; is_there && round < kRounds; ++round) {
      stopwatch.start();
      static_cast<void>(run_once(plan, p));
      milliseconds = std::min(milliseconds, stopwatch.stop_ms());
    }
    if (milliseconds >= least) plan.chosen = best;
    least = std::min(least, milliseconds);
  }
  plan.is_tuned = true;
}

bool Blas::run(LtPlan& plan, const MatrixProduct& p) {
  // A sum in place is another one each time.
  const bool is_repeatable = !p.added || p.added.data != p.c.data;
  if (options_.tunes && !plan.is_tuned && plan.proposed.size() > 1 && is_repeatable) tune(plan, p);
  if (run_once(plan, p)) return true;
  // The heuristics may propose what the kernels then do not have: nothing was done, and it is not tried again.
  plan.proposed.clear();
  return false;
}

bool Blas::run_once(const LtPlan& plan, const MatrixProduct& p) {
  plan.point_to(p);
  const float beta = p.added ? 1.0F : 0.0F;
  const void* added = p.added ? p.added.data : p.c.data;
  const cublasStatus_t status =
      cublasLtMatmul(lt_, plan.description.description, &p.alpha, p.b.data, plan.a.layout, p.a.data, plan.b.layout,
                     &beta, added, plan.c.layout, p.c.data, plan.c.layout, &plan.proposed[plan.chosen],
                     workspace_.get(), static_cast<std::size_t>(kWorkspaceBytes), stream_);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED) return false;
  MP_CUBLAS(status);
  return true;
}

bool Blas::multiply_fused(const MatrixProduct& p) {
  constexpr std::int64_t kKeptRows = 8;  // elements that a row of what is kept must be a multiple of
  const bool is_aligned_all = is_aligned(p.a.data) && is_aligned(p.b.data) && is_aligned(p.c.data) &&
                              is_aligned(p.bias.data) && is_aligned(p.added.data) && is_aligned(p.kept.data) &&
                              is_aligned(p.sums.data);
  if (!is_aligned_all || p.batch != 1 || p.beta != 0.0F || p.m == 0 || p.n == 0 || p.k == 0) return false;
  if (p.kept && p.ldc % kKeptRows != 0) return false;
  if (p.added && p.added.is_bfloat16 != p.c.is_bfloat16) return false;
  LtPlan& plan = plan_of(p);
  return !plan.proposed.empty() && run(plan, p);
}

void Blas::multiply(const MatrixProduct& p) {
  if (p.m == 0 || p.n == 0 || p.batch == 0) return;
  if ((p.bias || options_.tunes) && is_planned(p) && run(plan_of(p), p)) return;
  MP_CUBLAS(cublasGemmStridedBatchedEx(
      handle_, operation(p.transpose_b), operation(p.transpose_a), narrow(p.n), narrow(p.m), narrow(p.k), &p.alpha,
      p.b.data, type_of(p.b.is_bfloat16), narrow(p.ldb), p.stride_b, p.a.data, type_of(p.a.is_bfloat16), narrow(p.lda),
      p.stride_a, &p.beta, p.c.data, type_of(p.c.is_bfloat16), narrow(p.ldc), p.stride_c, narrow(p.batch),
      compute_type(p, options_.allow_tf32), CUBLAS_GEMM_DEFAULT));
}

}  // namespace mp::cuda
