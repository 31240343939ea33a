// Device code of elementwise functions, moves, optimizers, embeddings.
#include "runtime/cuda/launch.cuh"
#include "runtime/gpu/kernels/attention.hpp"
#include "runtime/gpu/kernels/bias.hpp"
#include "runtime/gpu/kernels/elementwise.hpp"
#include "runtime/gpu/kernels/movement.hpp"
#include "runtime/gpu/kernels/optimizers.hpp"
#include "runtime/gpu/kernels/sequence.hpp"

namespace mp::runtime::gpu {

MP_LAUNCH_ELEMENTS(UnaryItem);
MP_LAUNCH_ELEMENTS(UnaryGradientItem);
MP_LAUNCH_ELEMENTS(BinaryItem);
MP_LAUNCH_ELEMENTS(AccumulateItem);
MP_LAUNCH_ITEM(WhereItem<std::uint8_t>);
MP_LAUNCH_ITEM(WhereItem<std::uint16_t>);
MP_LAUNCH_ITEM(WhereItem<std::uint32_t>);
MP_LAUNCH_ITEM(WhereItem<std::uint64_t>);
MP_LAUNCH_ITEM(CastItem);
MP_LAUNCH_ELEMENTS(RealCastItem);
MP_LAUNCH_ITEM(CopyItem<std::uint8_t>);
MP_LAUNCH_ITEM(CopyItem<std::uint16_t>);
MP_LAUNCH_ITEM(CopyItem<std::uint32_t>);
MP_LAUNCH_ITEM(CopyItem<std::uint64_t>);
MP_LAUNCH_ITEM(FillItem<float>);
MP_LAUNCH_ITEM(FillItem<std::uint16_t>);
MP_LAUNCH_ITEM(FillItem<std::int64_t>);
MP_LAUNCH_ITEM(MirrorItem);
MP_LAUNCH_ITEM(MirrorGradientItem);
MP_LAUNCH_ITEM(GatherItem<std::uint8_t>);
MP_LAUNCH_ITEM(GatherItem<std::uint16_t>);
MP_LAUNCH_ITEM(GatherItem<std::uint32_t>);
MP_LAUNCH_ITEM(GatherItem<std::uint64_t>);
MP_LAUNCH_ROW(GatherOrderRow);
MP_LAUNCH_ITEM(GatherMergeItem);
MP_LAUNCH_ROW(GatherGradientRow);
MP_LAUNCH_ITEM(GatherRangeItem);
MP_LAUNCH_ROW(GatherGradientSumRow);
MP_LAUNCH_ITEM(RotationItem);
MP_LAUNCH_ITEM(DropoutItem);
MP_LAUNCH_ITEM(SgdItem);
MP_LAUNCH_ELEMENTS(AdamItem);
MP_LAUNCH_ROW(UpdateChunkRow);
MP_LAUNCH_ITEM(ScaledItem);
MP_LAUNCH_ITEM(BiasItem);
MP_LAUNCH_ITEM(RoundItem);
MP_LAUNCH_ROW(AttentionSoftmaxRow);
MP_LAUNCH_ROW(AttentionGradientRow);

}  // namespace mp::runtime::gpu
