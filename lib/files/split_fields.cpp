#include "lib/files/split_fields.hpp"

namespace mp {

std::vector<NodeSplit> read_splits(JsonValue value) {
  std::vector<NodeSplit> splits;
  for (const JsonValue split : value.items()) {
    const JsonObject fields = split.object({"node", "way", "parts"});
    splits.push_back({.node = fields.require("node").nonempty_string(),
                      .way = fields.require("way").enumerator("way of splitting", kSplitWays),
                      .parts = fields.require("parts").integer(2, kMaxSplitParts)});
  }
  return splits;
}

void write_splits(JsonWriter& writer, const std::vector<NodeSplit>& splits) {
  if (splits.empty()) return;
  writer.key("splits").begin_array();
  for (const NodeSplit& split : splits) {
    writer.begin_object(JsonWriter::Layout::kInline).member("node", split.node).member("way", name_of(split.way));
    writer.member("parts", split.parts).end();
  }
  writer.end();
}

}  // namespace mp
