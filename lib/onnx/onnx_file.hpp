// An ONNX model as its file says it: the parts of onnx.proto (ONNX 1.x, IR version 3 and later) that a graph needs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/graph/model.hpp"

namespace mp::onnx {

// onnx.proto, TensorProto.DataType.
enum class ElementType : std::int32_t {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kBfloat16 = 16,
};

// Values stand in `raw` (little-endian, a view into the file) or in the list of their kind, or in another file.
struct Tensor {
  std::string name;
  ElementType type = ElementType::kUndefined;
  std::vector<std::int64_t> dims;
  std::string_view raw;
  std::vector<float> floats;
  std::vector<std::int64_t> integers;
  std::vector<double> doubles;
  bool is_external = false;
  std::map<std::string, std::string, std::less<>> external;  // "location", "offset", "length"
};

struct Attribute {
  std::string name;
  std::optional<double> number;         // f
  std::optional<std::int64_t> integer;  // i
  std::optional<std::string> text;      // s
  std::optional<Tensor> tensor;         // t
  std::vector<double> numbers;
  std::vector<std::int64_t> integers;
  std::vector<std::string> texts;
  std::int64_t type = 0;    // AttributeProto.AttributeType: 1 float, 2 int, 3 string, 4 tensor, 6 floats, 7 ints
  bool has_graph = false;   // a subgraph (If, Loop, Scan)
  bool has_others = false;  // sparse tensors, types, lists of tensors, references of functions
};

struct Node {
  std::string name;
  std::string op;
  std::string domain;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<Attribute> attributes;

  [[nodiscard]] const Attribute* find(std::string_view attribute) const;
};

struct Value {
  std::string name;
  bool is_tensor = false;
  ElementType type = ElementType::kUndefined;
  bool has_shape = false;
  std::vector<Dimension> shape;  // extent 0 and no name: unknown
};

struct File {
  std::string producer;
  std::string name;  // the graph's
  std::int64_t opset = 0;
  std::vector<Node> nodes;
  std::vector<Tensor> initializers;
  std::vector<Value> inputs;
  std::vector<Value> outputs;
  std::vector<Value> values;
  std::vector<std::string> functions;  // "domain.name" of the file's own
  bool has_sparse_initializers = false;
};

// `bytes` must outlive the result. Throws InputError(source), place "byte N".
[[nodiscard]] File read_file(std::string_view bytes, const std::string& source);

// The first bytes of a model: a field of ModelProto, followed by others, one of them a graph.
[[nodiscard]] bool looks_like_onnx(std::string_view bytes);

}  // namespace mp::onnx
