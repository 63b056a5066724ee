// Whether an entry makes sense. Nothing in a region is trusted after its header was read: neither numbers in entries and
// argument blocks nor that they stay as they are, so a block is copied once and checked and used as that copy.
#pragma once

#include <cstdint>
#include <span>

#include "gpubridge/backend.h"

namespace gpubridge {

// Checks an entry to run `kernel` on ring `group` of a device with `lanes` regions of scratch per executor. `block` receives
// its argument block and has room for it. kOk, kBadArgumentBlock or kBadRange.
Status CheckRun(const Sqe& entry, const KernelText& kernel, const Region& region, std::uint32_t group, std::uint32_t lanes,
                std::span<std::uint8_t> block);

}  // namespace gpubridge
