// The factory of every kernel. The table that gives them names is registry.cpp.
#pragma once

#include <memory>

#include "runtime/cpu/kernel_call.hpp"
#include "runtime/semantics/kernel_list.hpp"

namespace mp::runtime::cpu {

using KernelPointer = std::unique_ptr<Kernel>;

#define MP_DECLARE(factory) KernelPointer factory(const KernelCall& call);
MP_KERNEL_FACTORIES(MP_DECLARE)
#undef MP_DECLARE
KernelPointer make_mirrored_pad(const KernelCall& call);  // of make_pad: modes reflect, edge and wrap

}  // namespace mp::runtime::cpu
