#include "lib/onnx/onnx_file.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "lib/base/error.hpp"
#include "lib/onnx/wire.hpp"

namespace mp::onnx {
namespace {

// The numbers are those of onnx.proto.
std::pair<std::string, std::string> read_entry(WireReader reader) {
  std::pair<std::string, std::string> entry;
  for (WireField field; reader.next(field);) {
    if (field.number == 1) entry.first = field.text();
    if (field.number == 2) entry.second = field.text();
  }
  return entry;
}

Tensor read_tensor(WireReader reader) {
  Tensor tensor;
  for (WireField field; reader.next(field);) {
    switch (field.number) {
      case 1:
        field.append_integers(tensor.dims);
        break;
      case 2:
        tensor.type = static_cast<ElementType>(static_cast<std::int32_t>(field.integer()));
        break;
      case 4:
        field.append_floats(tensor.floats);
        break;
      case 5:
        [[fallthrough]];  // int32_data
      case 7:
        [[fallthrough]];  // int64_data
      case 11:
        field.append_integers(tensor.integers);
        break;
      case 8:
        tensor.name = field.text();
        break;
      case 9:
        tensor.raw = field.text();
        break;
      case 10:
        field.append_doubles(tensor.doubles);
        break;
      case 13:
        tensor.external.insert(read_entry(field.message()));
        break;
      case 14:
        tensor.is_external = field.integer() == 1;
        break;
      default:
        break;
    }
  }
  return tensor;
}

Attribute read_attribute(WireReader reader) {
  Attribute attribute;
  for (WireField field; reader.next(field);) {
    switch (field.number) {
      case 1:
        attribute.name = field.text();
        break;
      case 2:
        attribute.number = static_cast<double>(field.float32());
        break;
      case 3:
        attribute.integer = field.integer();
        break;
      case 4:
        attribute.text = std::string(field.text());
        break;
      case 5:
        attribute.tensor = read_tensor(field.message());
        break;
      case 7: {
        std::vector<float> floats;
        field.append_floats(floats);
        attribute.numbers.insert(attribute.numbers.end(), floats.begin(), floats.end());
        break;
      }
      case 8:
        field.append_integers(attribute.integers);
        break;
      case 9:
        attribute.texts.emplace_back(field.text());
        break;
      case 6:
        [[fallthrough]];
      case 11:
        attribute.has_graph = true;
        break;
      case 10:
        [[fallthrough]];
      case 14:
        [[fallthrough]];
      case 15:
        [[fallthrough]];
      case 21:
        [[fallthrough]];
      case 22:
        [[fallthrough]];
      case 23:
        attribute.has_others = true;
        break;
      case 20:
        attribute.type = field.integer();
        break;
      default:
        break;
    }
  }
  return attribute;
}

Node read_node(WireReader reader) {
  Node node;
  for (WireField field; reader.next(field);) {
    switch (field.number) {
      case 1:
        node.inputs.emplace_back(field.text());
        break;
      case 2:
        node.outputs.emplace_back(field.text());
        break;
      case 3:
        node.name = field.text();
        break;
      case 4:
        node.op = field.text();
        break;
      case 5:
        node.attributes.push_back(read_attribute(field.message()));
        break;
      case 7:
        node.domain = field.text();
        break;
      default:
        break;
    }
  }
  return node;
}

Dimension read_dimension(WireReader reader) {
  Dimension dimension;
  for (WireField field; reader.next(field);) {
    if (field.number == 1) dimension.extent = std::max<std::int64_t>(0, field.integer());
    if (field.number == 2) dimension.name = field.text();
  }
  return dimension;
}

void read_tensor_type(WireReader reader, Value& value) {
  value.is_tensor = true;
  for (WireField field; reader.next(field);) {
    if (field.number == 1) value.type = static_cast<ElementType>(static_cast<std::int32_t>(field.integer()));
    if (field.number != 2) continue;
    value.has_shape = true;
    WireReader shape = field.message();
    for (WireField dimension; shape.next(dimension);)
      if (dimension.number == 1) value.shape.push_back(read_dimension(dimension.message()));
  }
}

Value read_value(WireReader reader) {
  Value value;
  for (WireField field; reader.next(field);) {
    if (field.number == 1) value.name = field.text();
    if (field.number != 2) continue;
    WireReader type = field.message();
    for (WireField kind; type.next(kind);)
      if (kind.number == 1) read_tensor_type(kind.message(), value);
  }
  return value;
}

void read_graph(WireReader reader, File& file) {
  for (WireField field; reader.next(field);) {
    switch (field.number) {
      case 1:
        file.nodes.push_back(read_node(field.message()));
        break;
      case 2:
        file.name = field.text();
        break;
      case 5:
        file.initializers.push_back(read_tensor(field.message()));
        break;
      case 11:
        file.inputs.push_back(read_value(field.message()));
        break;
      case 12:
        file.outputs.push_back(read_value(field.message()));
        break;
      case 13:
        file.values.push_back(read_value(field.message()));
        break;
      case 15:
        file.has_sparse_initializers = true;
        break;
      default:
        break;
    }
  }
}

std::string read_function(WireReader reader) {
  std::string name;
  std::string domain;
  for (WireField field; reader.next(field);) {
    if (field.number == 1) name = field.text();
    if (field.number == 10) domain = field.text();
  }
  return domain + "." + name;
}

void read_opset(WireReader reader, File& file) {
  std::string domain;
  std::int64_t version = 0;
  for (WireField field; reader.next(field);) {
    if (field.number == 1) domain = field.text();
    if (field.number == 2) version = field.integer();
  }
  if (domain.empty() || domain == "ai.onnx") file.opset = version;
}

File read_model(WireReader reader) {
  File file;
  bool has_graph = false;
  for (WireField field; reader.next(field);) {
    switch (field.number) {
      case 2:
        file.producer = field.text();
        break;
      case 7:
        if (has_graph) throw WireError(field.position, "a second graph");
        has_graph = true;
        read_graph(field.message(), file);
        break;
      case 8:
        read_opset(field.message(), file);
        break;
      case 25:
        file.functions.push_back(read_function(field.message()));
        break;
      default:
        break;
    }
  }
  if (!has_graph) throw WireError(0, "no graph: this is no ONNX model");
  return file;
}

}  // namespace

const Attribute* Node::find(std::string_view attribute) const {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const Attribute& known) { return known.name == attribute; });
  return found == attributes.end() ? nullptr : &*found;
}

File read_file(std::string_view bytes, const std::string& source) {
  try {
    return read_model(WireReader(bytes));
  } catch (const WireError& error) {
    throw InputError(source, Issue{fmt::format("byte {}", error.position()),
                                   fmt::format("{}; the file is damaged, or no ONNX model", error.what())});
  }
}

bool looks_like_onnx(std::string_view bytes) {
  try {
    WireReader reader(bytes);
    bool has_graph = false;
    for (WireField field; reader.next(field);) {
      if (field.number > 30) return false;
      has_graph = has_graph || (field.number == 7 && field.type == WireType::kBytes);
    }
    return has_graph;
  } catch (const WireError&) {
    return false;
  }
}

}  // namespace mp::onnx
