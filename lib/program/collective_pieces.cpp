#include "lib/program/collective_pieces.hpp"

namespace mp {
namespace {

template <class IsOperand>
std::vector<PieceOperand> operands(const Collective& collective, DeviceId member, IsOperand is_operand) {
  const std::vector<CollectivePiece> pieces = pieces_of(collective);
  std::vector<PieceOperand> found;
  std::size_t tensor = 0;
  std::size_t operand = 0;
  for (std::size_t p = 0; p < pieces.size(); ++p) {
    const auto tensors = static_cast<std::size_t>(pieces[p].tensors);
    if (is_operand(collective.kind, pieces[p], member)) {
      found.push_back({p, tensor, operand, tensors, pieces[p].size_bytes});
      operand += tensors;
    }
    tensor += tensors;
  }
  return found;
}

}  // namespace

std::string_view name_of(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return "all-reduce";
    case CollectiveKind::kReduce:
      return "reduce";
    case CollectiveKind::kBroadcast:
      return "broadcast";
    case CollectiveKind::kReduceScatter:
      return "reduce-scatter";
    case CollectiveKind::kAllGather:
      return "all-gather";
  }
  return "";
}

std::vector<CollectivePiece> pieces_of(const Collective& collective) {
  if (!collective.pieces.empty()) return collective.pieces;
  return {{collective.root, static_cast<std::int32_t>(collective.tensors.size()), collective.size_bytes}};
}

bool gives(CollectiveKind kind, const CollectivePiece& piece, DeviceId member) {
  return is_sum(kind) || member == piece.root;
}

bool gets(CollectiveKind kind, const CollectivePiece& piece, DeviceId member) {
  if (kind == CollectiveKind::kAllReduce) return true;
  return is_sum(kind) == (member == piece.root);
}

std::vector<PieceOperand> inputs_of(const Collective& collective, DeviceId member) {
  return operands(collective, member, gives);
}

std::vector<PieceOperand> outputs_of(const Collective& collective, DeviceId member) {
  return operands(collective, member, gets);
}

}  // namespace mp
