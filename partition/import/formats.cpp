#include "partition/import/formats.hpp"

#include <algorithm>
#include <array>

#include "partition/import/dnn_partitioning.hpp"
#include "partition/import/metis.hpp"
#include "partition/import/onnx.hpp"
#include "partition/import/pipedream.hpp"
#include "partition/import/piper.hpp"

namespace mp::partition {
namespace {

constexpr std::array kFormats = {
    ImportFormat{"dnn-partitioning", "JSON with maxFPGAs, maxCPUs, nodes, edges (Tarnawski et al., NeurIPS 2020)",
                 looks_like_dnn_partitioning, import_dnn_partitioning},
    ImportFormat{"metis", "METIS .graph: vertex weights become work, edge weights bytes", looks_like_metis,
                 import_metis},
    ImportFormat{"piper", "JSON with maxDevices, nodes with TMPCs, edges (Piper, NeurIPS 2021)", looks_like_piper,
                 import_piper},
    ImportFormat{"pipedream", "Text profile: \"node1 -- layer -- forward_compute_time=…\" (PipeDream, SOSP 2019)",
                 looks_like_pipedream, import_pipedream},
    ImportFormat{kOnnxFormat, "ONNX models (.onnx): graph, shapes, parameters", looks_like_onnx, import_onnx},
};

}  // namespace

std::span<const ImportFormat> import_formats() { return kFormats; }

const ImportFormat* find_import_format(std::string_view name) {
  const auto found =
      std::find_if(kFormats.begin(), kFormats.end(), [&](const ImportFormat& format) { return format.name == name; });
  return found == kFormats.end() ? nullptr : &*found;
}

const ImportFormat* recognise_import_format(std::string_view bytes, std::string_view path) {
  const auto found = std::find_if(kFormats.begin(), kFormats.end(),
                                  [&](const ImportFormat& format) { return format.recognises(bytes, path); });
  return found == kFormats.end() ? nullptr : &*found;
}

std::string model_name_of(std::string_view path) {
  std::string_view name = path.substr(path.find_last_of('/') + 1);
  if (const std::size_t dot = name.find_last_of('.'); dot != std::string_view::npos && dot > 0)
    name = name.substr(0, dot);
  return name.empty() ? "model" : std::string(name);
}

}  // namespace mp::partition
