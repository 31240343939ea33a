// cuBLASLt, as far as runtime/ calls it. Descriptors are ours behind the toolkit's opaque types.
#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <vector>

#include "tests/emulation/blas.hpp"
#include "tests/emulation/clock.hpp"
#include "tests/emulation/epilogue.hpp"
#include "tests/emulation/library.hpp"
#include "tests/emulation/machine.hpp"
#include "tests/emulation/state.hpp"

using namespace mp::emulation;

struct cublasLtContext {
  int device = 0;
};

namespace {

struct Layout {
  cudaDataType type;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t leading;
};

// Attributes as they were set; those that were not have their documented defaults.
struct Attributes {
  std::map<int, std::vector<std::byte>> values;

  template <class T>
  [[nodiscard]] T get(int attribute, T otherwise) const {
    const auto found = values.find(attribute);
    if (found == values.end() || found->second.size() != sizeof(T)) return otherwise;
    T value;
    std::memcpy(&value, found->second.data(), sizeof value);
    return value;
  }
  void set(int attribute, const void* value, std::size_t size) {
    const auto* first = static_cast<const std::byte*>(value);
    values[attribute].assign(first, first + size);
  }
};

struct Description {
  cublasComputeType_t compute_type;
  Attributes attributes;
};

// What a choice of algorithm relies on, kept in the bytes of cublasLtMatmulAlgo_t.
struct Chosen {
  std::uint64_t mark;
  std::uint64_t m, n, k;
  std::uint32_t alignment;
  std::uint32_t bias_alignment;
  std::uint32_t auxiliary_alignment;
  std::uint32_t reductions;
  std::uint32_t place;  // among what was proposed
};
static_assert(sizeof(Chosen) <= sizeof(cublasLtMatmulAlgo_t));
// What cuBLASLt proposes, best first, as it believes: how long it really takes. It refuses to run the second.
struct Proposal {
  std::int64_t time_us;
  bool is_in_vain;
};
constexpr std::array<Proposal, 4> kProposals{{{30, false}, {1, true}, {20, false}, {25, false}}};
constexpr std::uint32_t kFastest = 2;

constexpr std::uint64_t kMark = 0x656d756c61746564;

const Layout& of(cublasLtMatrixLayout_t layout) { return *reinterpret_cast<const Layout*>(layout); }
Description& of(cublasLtMatmulDesc_t description) { return *reinterpret_cast<Description*>(description); }
Attributes& of(cublasLtMatmulPreference_t preference) { return *reinterpret_cast<Attributes*>(preference); }

// As cuBLASLt's heuristics take it from an address that they are shown.
std::uint32_t alignment_of(const Matrix& shown) {
  std::uint32_t alignment = 256;
  while (!shown.is_aligned(alignment)) alignment /= 2;
  return alignment;
}

Matrix matrix_of(const void* data, const Layout& layout) {
  return {.data = const_cast<void*>(data), .type = layout.type, .leading = layout.leading};
}

struct Call {
  const Description& description;
  const Layout& a;
  const Layout& b;
  const Layout& c;
  const Layout& d;
};

Product product_of(const Call& call) {
  const Attributes& set = call.description.attributes;
  const auto transpose = [&set](int which) { return set.get<std::int32_t>(which, CUBLAS_OP_N) != CUBLAS_OP_N; };
  Product p{.m = call.d.rows,
            .n = call.d.columns,
            .k = 0,
            .transpose_a = transpose(CUBLASLT_MATMUL_DESC_TRANSA),
            .transpose_b = transpose(CUBLASLT_MATMUL_DESC_TRANSB),
            .a = matrix_of(nullptr, call.a),
            .b = matrix_of(nullptr, call.b),
            .c = matrix_of(nullptr, call.c),
            .d = matrix_of(nullptr, call.d),
            .rounds_to_tf32 = call.description.compute_type == CUBLAS_COMPUTE_32F_FAST_TF32};
  p.k = p.transpose_a ? call.a.rows : call.a.columns;
  return p;
}

Epilogue epilogue_of(const Call& call) {
  const Attributes& set = call.description.attributes;
  const auto type_of = [&](int which) {
    const auto chosen = set.get<std::int32_t>(which, -1);
    return chosen < 0 ? call.d.type : static_cast<cudaDataType>(chosen);
  };
  return {.kind = set.get<std::uint32_t>(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DEFAULT),
          .bias = {.data = set.get<void*>(CUBLASLT_MATMUL_DESC_BIAS_POINTER, nullptr),
                   .type = type_of(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE)},
          .auxiliary = {.data = set.get<void*>(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, nullptr),
                        .type = type_of(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE),
                        .leading = set.get<std::int64_t>(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, 0)}};
}

// Shapes that fit each other, types of the table, an epilogue that there is.
cublasStatus_t check(const Call& call, const Product& p, const Epilogue& e) {
  const bool fits =
      (p.transpose_a ? call.a.columns : call.a.rows) == p.m && (p.transpose_b ? call.b.rows : call.b.columns) == p.n &&
      (p.transpose_b ? call.b.columns : call.b.rows) == p.k && call.c.rows == p.m && call.c.columns == p.n &&
      call.a.leading >= call.a.rows && call.b.leading >= call.b.rows && call.c.leading >= p.m && call.d.leading >= p.m;
  if (!fits) return CUBLAS_STATUS_INVALID_VALUE;
  const bool fits_bias = !e.needs_bias() || e.bias.type == p.d.type;
  if (!are_supported(p, call.description.compute_type) || !is_emulated(e) || !fits_bias) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (e.needs_auxiliary() && (e.auxiliary.leading < p.m || e.auxiliary.leading % 8 != 0)) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  return CUBLAS_STATUS_SUCCESS;
}

// Whether it was chosen for this product and for addresses like these.
bool is_for(const Chosen& chosen, const Product& p, const Epilogue& e) {
  if (chosen.mark != kMark || chosen.m != static_cast<std::uint64_t>(p.m)) return false;
  if (chosen.n != static_cast<std::uint64_t>(p.n) || chosen.k != static_cast<std::uint64_t>(p.k)) return false;
  if (e.needs_bias() && !e.bias.is_aligned(chosen.bias_alignment)) return false;
  if (e.needs_auxiliary() && !e.auxiliary.is_aligned(chosen.auxiliary_alignment)) return false;
  return p.a.is_aligned(chosen.alignment) && p.b.is_aligned(chosen.alignment) && p.c.is_aligned(chosen.alignment) &&
         p.d.is_aligned(chosen.alignment);
}

}  // namespace

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  if (obstacle() != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = new cublasLtContext{.device = current_device()};
  count_things(1);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  require_own_device(handle->device);
  delete handle;
  count_things(-1);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type, std::uint64_t rows,
                                          std::uint64_t columns, std::int64_t leading) {
  *layout = reinterpret_cast<cublasLtMatrixLayout_t>(
      new Layout{type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns), leading});
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(const cublasLtMatrixLayout_t layout) {
  delete reinterpret_cast<Layout*>(layout);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description, cublasComputeType_t compute_type,
                                        cudaDataType_t scale_type) {
  if (scale_type != CUDA_R_32F) return CUBLAS_STATUS_INVALID_VALUE;
  *description = reinterpret_cast<cublasLtMatmulDesc_t>(new Description{compute_type, {}});
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(const cublasLtMatmulDesc_t description) {
  delete reinterpret_cast<Description*>(description);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              std::size_t size) {
  of(description).attributes.set(attribute, value, size);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = reinterpret_cast<cublasLtMatmulPreference_t>(new Attributes);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(const cublasLtMatmulPreference_t preference) {
  delete reinterpret_cast<Attributes*>(preference);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    std::size_t size) {
  of(preference).set(attribute, value, size);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t /*handle*/, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t results[], int* count) {
  *count = 0;
  if (wanted < 1) return CUBLAS_STATUS_INVALID_VALUE;
  const Call call{of(description), of(a), of(b), of(c), of(d)};
  const Product p = product_of(call);
  const Epilogue epilogue = epilogue_of(call);
  if (const cublasStatus_t status = check(call, p, epilogue); status != CUBLAS_STATUS_SUCCESS) return status;
  const Attributes& wanted_of = of(preference);
  const auto all = static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_MASK);
  Chosen chosen{.mark = kMark,
                .m = static_cast<std::uint64_t>(p.m),
                .n = static_cast<std::uint64_t>(p.n),
                .k = static_cast<std::uint64_t>(p.k),
                .alignment = wanted_of.get<std::uint32_t>(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, 256),
                .bias_alignment = alignment_of(epilogue.bias),
                .auxiliary_alignment = alignment_of(epilogue.auxiliary),
                .reductions = wanted_of.get<std::uint32_t>(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, all),
                .place = 0};
  *count = std::min(wanted, static_cast<int>(kProposals.size()));
  for (; chosen.place < static_cast<std::uint32_t>(*count); ++chosen.place) {
    cublasLtMatmulHeuristicResult_t& result = results[chosen.place];
    result = {};  // filled in only where its state is good
    result.state = machine().has_epilogues ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
    if (machine().has_epilogues) std::memcpy(&result.algo, &chosen, sizeof chosen);
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t layout_a, const void* b,
                              cublasLtMatrixLayout_t layout_b, const void* beta, const void* c,
                              cublasLtMatrixLayout_t layout_c, void* d, cublasLtMatrixLayout_t layout_d,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace, std::size_t workspace_size,
                              cudaStream_t stream) {
  const Call call{of(description), of(layout_a), of(layout_b), of(layout_c), of(layout_d)};
  Product p = product_of(call);
  const Epilogue epilogue = epilogue_of(call);
  if (const cublasStatus_t status = check(call, p, epilogue); status != CUBLAS_STATUS_SUCCESS) return status;
  p.alpha = *static_cast<const float*>(alpha);
  p.beta = *static_cast<const float*>(beta);
  p.a.data = const_cast<void*>(a);
  p.b.data = const_cast<void*>(b);
  p.c.data = const_cast<void*>(c);
  p.d.data = d;
  if (epilogue.needs_bias() && epilogue.bias.data == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  if (epilogue.needs_auxiliary() && (epilogue.auxiliary.data == nullptr || !epilogue.auxiliary.is_aligned(16))) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  std::uint32_t place = 0;
  if (algorithm != nullptr) {
    Chosen chosen{};
    std::memcpy(&chosen, algorithm, sizeof chosen);
    if (!is_for(chosen, p, epilogue)) return CUBLAS_STATUS_INVALID_VALUE;
    constexpr auto kInFloat32 = static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
    p.rounds_parts = (chosen.reductions & ~kInFloat32) != 0;
    place = chosen.place;
  }
  if (machine().proposes_in_vain || kProposals.at(place).is_in_vain) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (place != kFastest) add_to(mutable_counts().slow_products, 1);
  const auto work = [p, epilogue, place, device = handle->device] {
    multiply(p, epilogue);
    spend(device, kProposals.at(place).time_us);
  };
  const bool is_put_in = put_in_library(handle->device, stream, workspace, workspace_size, work);
  return is_put_in ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
