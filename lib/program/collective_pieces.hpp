// What each member of a collective gives and gets.
#pragma once

#include <string_view>
#include <vector>

#include "lib/program/program.hpp"

namespace mp {

[[nodiscard]] constexpr bool is_sum(CollectiveKind kind) {
  return kind == CollectiveKind::kAllReduce || kind == CollectiveKind::kReduce ||
         kind == CollectiveKind::kReduceScatter;
}

// As MPI calls it.
[[nodiscard]] std::string_view name_of(CollectiveKind kind);

// All of them; one for a collective whose tensors have one root, or none.
[[nodiscard]] std::vector<CollectivePiece> pieces_of(const Collective& collective);

// Is the piece among a member's inputs, among its outputs? They stand there in the order of the pieces.
[[nodiscard]] bool gives(CollectiveKind kind, const CollectivePiece& piece, DeviceId member);
[[nodiscard]] bool gets(CollectiveKind kind, const CollectivePiece& piece, DeviceId member);

// The piece as one of a member's operands.
struct PieceOperand {
  std::size_t piece = 0;         // of pieces_of()
  std::size_t first_tensor = 0;  // position in Collective::tensors
  std::size_t first = 0;         // of its tensors: position among the member's inputs, or outputs
  std::size_t tensors = 0;
  std::int64_t size_bytes = 0;
};
[[nodiscard]] std::vector<PieceOperand> inputs_of(const Collective& collective, DeviceId member);
[[nodiscard]] std::vector<PieceOperand> outputs_of(const Collective& collective, DeviceId member);

}  // namespace mp
