// What is refused, and how, are the answers of cuDNN 9.19.
#include "tests/emulation/cudnn_shapes.hpp"

#include <algorithm>
#include <limits>

#include "lib/base/bfloat16.hpp"

using namespace mp::emulation;

namespace mp::emulation {
namespace {

bool are_all_at_least(int least, std::initializer_list<int> values) {
  return std::all_of(values.begin(), values.end(), [least](int value) { return value >= least; });
}

bool is_emulated(cudnnDataType_t type) { return type == CUDNN_DATA_FLOAT || type == CUDNN_DATA_BFLOAT16; }

cudnnStatus_t check_extents(cudnnDataType_t type, cudnnTensorFormat_t format, const std::array<int, 4>& extents) {
  if (!are_all_at_least(1, {extents[0], extents[1], extents[2], extents[3]})) {
    return refuse(CUDNN_STATUS_BAD_PARAM, "an extent is not positive");
  }
  if (!is_emulated(type) || format != CUDNN_TENSOR_NCHW) {
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, "not emulated: a type or a format");
  }
  std::int64_t elements = 1;
  for (const int extent : extents) {
    elements *= extent;
    if (elements > std::numeric_limits<int>::max()) {
      return refuse(CUDNN_STATUS_NOT_SUPPORTED, "2 Gi elements or more");
    }
  }
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

std::size_t size_of(cudnnDataType_t type) { return type == CUDNN_DATA_BFLOAT16 ? 2 : 4; }

std::vector<float> load(const void* from, cudnnDataType_t type, std::int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = type == CUDNN_DATA_BFLOAT16 ? from_bfloat16(static_cast<const std::uint16_t*>(from)[i])
                                            : static_cast<const float*>(from)[i];
  }
  return values;
}

void store(void* to, cudnnDataType_t type, std::int64_t i, float value) {
  if (type == CUDNN_DATA_BFLOAT16) {
    static_cast<std::uint16_t*>(to)[i] = to_bfloat16(value);
  } else {
    static_cast<float*>(to)[i] = value;
  }
}

cudnnStatus_t read_convolution(cudnnTensorDescriptor_t source, cudnnFilterDescriptor_t weights,
                               cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t destination,
                               Convolution& read) {
  const auto bad = [](const char* why) { return refuse(CUDNN_STATUS_BAD_PARAM, why); };
  if (source == nullptr || weights == nullptr || convolution == nullptr || destination == nullptr) return bad("null");
  const auto& [n, c, h, w] = source->extents;
  const auto& [k, group_channels, kernel_h, kernel_w] = weights->extents;
  if (n == 0 || k == 0 || destination->extents[0] == 0 || convolution->strides[0] == 0) return bad("not set");
  if (source->type != weights->type || source->type != destination->type) return bad("types differ");
  if (c != convolution->groups * group_channels || k % convolution->groups != 0) return bad("channels do not fit");
  std::array<int, 4> wanted{n, k, 0, 0};
  for (const std::size_t axis : {std::size_t{0}, std::size_t{1}}) {
    const int reach = convolution->dilations[axis] * (weights->extents[axis + 2] - 1) + 1;
    const int room = source->extents[axis + 2] + 2 * convolution->pads[axis] - reach;
    if (room < 0) return bad("the filter is larger than the padded picture");
    wanted[axis + 2] = room / convolution->strides[axis] + 1;
  }
  if (destination->extents != wanted) return bad("the output has other extents");
  read.shape = {.batch = n,
                .groups = convolution->groups,
                .source_channels = c,
                .destination_channels = k,
                .source = {h, w},
                .destination = {wanted[2], wanted[3]},
                .kernel = {kernel_h, kernel_w},
                .pads = {convolution->pads[0], convolution->pads[1]},
                .strides = {convolution->strides[0], convolution->strides[1]},
                .dilations = {convolution->dilations[0], convolution->dilations[1]}};
  read.type = source->type;
  read.math = convolution->math;
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace mp::emulation

namespace {

template <class Descriptor>
cudnnStatus_t create(Descriptor** descriptor) {
  if (descriptor == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no place for the descriptor");
  *descriptor = new Descriptor;
  return CUDNN_STATUS_SUCCESS;
}

template <class Descriptor>
cudnnStatus_t destroy(Descriptor* descriptor) {
  delete descriptor;
  return CUDNN_STATUS_SUCCESS;
}

template <class Descriptor>
cudnnStatus_t set(Descriptor* descriptor, cudnnDataType_t type, cudnnTensorFormat_t format,
                  const std::array<int, 4>& extents) {
  if (descriptor == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no descriptor");
  const cudnnStatus_t status = check_extents(type, format, extents);
  if (status == CUDNN_STATUS_SUCCESS) *descriptor = {.type = type, .extents = extents};
  return status;
}

}  // namespace

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* descriptor) { return create(descriptor); }
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t descriptor) { return destroy(descriptor); }
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* descriptor) { return create(descriptor); }
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t descriptor) { return destroy(descriptor); }
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* descriptor) { return create(descriptor); }
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t descriptor) { return destroy(descriptor); }

cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t descriptor, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
  return set(descriptor, type, format, {n, c, h, w});
}

cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t descriptor, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
  return set(descriptor, type, format, {k, c, h, w});
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t descriptor, int pad_h, int pad_w,
                                              int stride_h, int stride_w, int dilation_h, int dilation_w,
                                              cudnnConvolutionMode_t mode, cudnnDataType_t compute_type) {
  if (descriptor == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no descriptor");
  if (!are_all_at_least(0, {pad_h, pad_w}) || !are_all_at_least(1, {stride_h, stride_w, dilation_h, dilation_w})) {
    return refuse(CUDNN_STATUS_BAD_PARAM, "a pad, stride or dilation is too small");
  }
  if (compute_type != CUDNN_DATA_FLOAT) return refuse(CUDNN_STATUS_BAD_PARAM, "the sums are not float32");
  if (mode != CUDNN_CROSS_CORRELATION) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "not emulated: flipped filters");
  descriptor->pads = {pad_h, pad_w};
  descriptor->strides = {stride_h, stride_w};
  descriptor->dilations = {dilation_h, dilation_w};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t descriptor, int groups) {
  if (groups < 1) return refuse(CUDNN_STATUS_BAD_PARAM, "fewer groups than one");
  descriptor->groups = groups;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t descriptor, cudnnMathType_t math) {
  if (math < CUDNN_DEFAULT_MATH || math > CUDNN_FMA_MATH) return refuse(CUDNN_STATUS_BAD_PARAM, "no kind of math");
  descriptor->math = math;
  return CUDNN_STATUS_SUCCESS;
}
