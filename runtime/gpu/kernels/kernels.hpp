// The factory of every kernel. The table that gives them names is registry.cpp.
#pragma once

#include "runtime/gpu/kernel_call.hpp"
#include "runtime/gpu/strided.hpp"
#include "runtime/semantics/kernel_list.hpp"

namespace mp::runtime::gpu {

#define MP_DECLARE(factory) KernelPointer factory(const KernelCall& call);
MP_KERNEL_FACTORIES(MP_DECLARE)
#undef MP_DECLARE

}  // namespace mp::runtime::gpu
