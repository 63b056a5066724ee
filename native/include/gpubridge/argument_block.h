// The argument block that an entry of a kernel names: a line for the header, then one for each slot of the kernel. Offsets count
// from the start of the region.
#pragma once

#include <cstdint>
#include <cstring>

#include "gpubridge/backend.h"

namespace gpubridge {

inline constexpr std::uint64_t kBlockLineBytes = 16;
inline constexpr std::uint64_t kMostSlotsPerKernel = 4096;

struct BlockHeader {
  std::uint32_t item_count;
  std::uint32_t grid[3];
};

// Of a uniform only the value, in the first bytes.
struct BlockSlot {
  std::uint32_t space;
  std::uint32_t element_count;
  std::uint64_t offset;
};
static_assert(sizeof(BlockHeader) == kBlockLineBytes && sizeof(BlockSlot) == kBlockLineBytes);

constexpr std::uint64_t BlockBytes(std::uint64_t slots) { return kBlockLineBytes * (1 + slots); }

inline BlockSlot SlotOf(const std::uint8_t* block, std::size_t index) {
  BlockSlot slot;
  std::memcpy(&slot, block + BlockBytes(index), sizeof slot);
  return slot;
}

// Offset of the block of an entry.
constexpr std::uint64_t ParamsOf(const Sqe& entry) { return std::uint64_t{entry.params_high} << 32 | entry.params_low; }

constexpr bool IsInArena(const Region& region, std::uint64_t offset, std::uint64_t bytes) {
  if (offset < region.arena_offset) return false;
  const std::uint64_t behind = offset - region.arena_offset;
  return behind <= region.arena_bytes && bytes <= region.arena_bytes - behind;
}

}  // namespace gpubridge
