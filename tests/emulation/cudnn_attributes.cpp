// Which attributes there are, of which type.
#include <algorithm>
#include <array>

#include "tests/emulation/cudnn_descriptor.hpp"

namespace mp::emulation {
namespace {

constexpr std::int64_t kMany = 1024;
constexpr auto kTensor = CUDNN_BACKEND_TENSOR_DESCRIPTOR;
constexpr auto kMatmul = CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR;
constexpr auto kPointwise = CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR;
constexpr auto kReduction = CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR;
constexpr auto kReshape = CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR;
constexpr auto kPack = CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR;
constexpr auto kPlan = CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR;
constexpr auto kHeuristics = CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR;
constexpr auto kChild = CUDNN_TYPE_BACKEND_DESCRIPTOR;
constexpr auto kInteger = CUDNN_TYPE_INT64;

constexpr std::array kRules {
  AttributeRule{kTensor, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, true},
      AttributeRule{kTensor, CUDNN_ATTR_TENSOR_DIMENSIONS, kInteger, CUDNN_DIM_MAX, true},
      AttributeRule{kTensor, CUDNN_ATTR_TENSOR_STRIDES, kInteger, CUDNN_DIM_MAX, true},
      AttributeRule{kTensor, CUDNN_ATTR_TENSOR_UNIQUE_ID, kInteger, 1, true},
      AttributeRule{kTensor, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kInteger, 1, true},
      AttributeRule{kTensor, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, false},
      AttributeRule{kTensor, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, false},
      AttributeRule{CUDNN_BACKEND_MATMUL_DESCRIPTOR, CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, true},
      AttributeRule{kMatmul, CUDNN_ATTR_OPERATION_MATMUL_ADESC, kChild, 1, true},
      AttributeRule{kMatmul, CUDNN_ATTR_OPERATION_MATMUL_BDESC, kChild, 1, true},
      AttributeRule{kMatmul, CUDNN_ATTR_OPERATION_MATMUL_CDESC, kChild, 1, true},
      AttributeRule{kMatmul, CUDNN_ATTR_OPERATION_MATMUL_DESC, kChild, 1, true},
      AttributeRule{CUDNN_BACKEND_POINTWISE_DESCRIPTOR, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, true},
      AttributeRule{CUDNN_BACKEND_POINTWISE_DESCRIPTOR, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, true},
      AttributeRule{CUDNN_BACKEND_POINTWISE_DESCRIPTOR, CUDNN_ATTR_POINTWISE_AXIS, kInteger, 1, false},
      AttributeRule{kPointwise, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kChild, 1, true},
      AttributeRule{kPointwise, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, kChild, 1, true},
      AttributeRule{kPointwise, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, kChild, 1, false},
      AttributeRule{kPointwise, CUDNN_ATTR_OPERATION_POINTWISE_TDESC, kChild, 1, false},
      AttributeRule{kPointwise, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, kChild, 1, true},
      AttributeRule{CUDNN_BACKEND_REDUCTION_DESCRIPTOR, CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, true},
      AttributeRule{CUDNN_BACKEND_REDUCTION_DESCRIPTOR, CUDNN_ATTR_REDUCTION_OPERATOR,
                    CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1, true},
      AttributeRule{kReduction, CUDNN_ATTR_OPERATION_REDUCTION_XDESC, kChild, 1, true},
      AttributeRule{kReduction, CUDNN_ATTR_OPERATION_REDUCTION_YDESC, kChild, 1, true},
      AttributeRule{kReduction, CUDNN_ATTR_OPERATION_REDUCTION_DESC, kChild, 1, true},
      AttributeRule{kReshape, CUDNN_ATTR_OPERATION_RESHAPE_XDESC, kChild, 1, true},
      AttributeRule{kReshape, CUDNN_ATTR_OPERATION_RESHAPE_YDESC, kChild, 1, true},
      AttributeRule{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, CUDNN_ATTR_OPERATIONGRAPH_OPS, kChild, kMany, true},
      AttributeRule{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1,
                    false},
      AttributeRule{kHeuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, kChild, 1, true},
      AttributeRule{kHeuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, true},
#if CUDNN_VERSION >= 90800
      AttributeRule{kHeuristics, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, kChild, 1, false},
      AttributeRule{CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                    std::int64_t{1} << 20, true},
#endif
      AttributeRule{kPlan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, true},
      AttributeRule{kPlan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, kChild, 1, true},
      AttributeRule{kPack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, kInteger, kMany, true},
      AttributeRule{kPack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, kMany, true},
      AttributeRule{kPack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, false},
};

}  // namespace

const AttributeRule* rule_of(cudnnBackendDescriptorType_t of, cudnnBackendAttributeName_t name) {
  const auto found =
      std::find_if(kRules.begin(), kRules.end(), [&](const AttributeRule& r) { return r.of == of && r.name == name; });
  return found == kRules.end() ? nullptr : &*found;
}

bool is_complete(const Descriptor& descriptor) {
  return std::all_of(kRules.begin(), kRules.end(), [&](const AttributeRule& r) {
    return r.of != descriptor.type || !r.is_required || descriptor.has(r.name);
  });
}

bool is_emulated(cudnnBackendDescriptorType_t type) {
  return type == CUDNN_BACKEND_ENGINE_DESCRIPTOR || type == CUDNN_BACKEND_ENGINECFG_DESCRIPTOR ||
         std::any_of(kRules.begin(), kRules.end(), [&](const AttributeRule& r) { return r.of == type; });
}

std::size_t size_of(cudnnBackendAttributeType_t type) {
  switch (type) {
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
      return 8;
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
      return 1;
    default:  // enumerations
      return 4;
  }
}

}  // namespace mp::emulation
