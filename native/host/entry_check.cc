#include "host/entry_check.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "gpubridge/argument_block.h"

namespace gpubridge {
namespace {

constexpr std::uint64_t kScratchAlignment = 64;
constexpr std::uint64_t kMostU64 = std::numeric_limits<std::uint64_t>::max();

// Each word is read exactly once, whatever the silo does meanwhile.
void CopyOnce(std::span<std::uint8_t> to, std::uint8_t* from) {
  for (std::size_t at = 0; at < to.size(); at += sizeof(std::uint32_t)) {
    const std::atomic_ref shared(*reinterpret_cast<std::uint32_t*>(from + at));
    const std::uint32_t word = shared.load(std::memory_order_relaxed);
    std::memcpy(to.data() + at, &word, sizeof word);
  }
}

std::uint64_t MultiplySaturated(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kMostU64 : product;
}

BlockHeader BlockHeaderOf(const std::uint8_t* block) {
  BlockHeader header;
  std::memcpy(&header, block, sizeof header);
  return header;
}

std::uint64_t LeastElements(const LeastLength& least, const std::uint8_t* block) {
  const std::uint64_t counted =
      least.of == LeastLength::kItems ? BlockHeaderOf(block).item_count : SlotOf(block, least.of).element_count;
  return least.times * counted + least.plus;  // Of numbers below 2^32, which cannot wrap.
}

// Whether a slot of a block has the elements that the kernel relies on, all inside the arena.
bool IsSlotGood(const std::uint8_t* block, std::size_t index, const SlotLayout& layout, const Region& region,
                std::uint32_t lanes) {
  if (layout.part == SlotPart::kUniform) return true;
  const BlockSlot slot = SlotOf(block, index);
  if (slot.space != 0 || slot.element_count < LeastElements(layout.least, block)) return false;
  std::uint64_t bytes = std::uint64_t{slot.element_count} * layout.element_bytes;
  if (bytes == 0) return true;  // Nothing of it is reached, wherever it is.
  if (slot.offset % layout.element_bytes != 0) return false;
  if (layout.part == SlotPart::kScratch || layout.part == SlotPart::kWorkspace) {
    const std::uint64_t stride = (bytes + kScratchAlignment - 1) / kScratchAlignment * kScratchAlignment;
    bytes = MultiplySaturated(stride, std::uint64_t{region.ring_count} * lanes);
  }
  return IsInArena(region, slot.offset, bytes);
}

// What a range may reach at most: items of a map, ids of a grid, groups of a grid with a workgroup.
std::uint64_t UnitsOf(const BlockHeader& header, const KernelText& kernel) {
  if (!kernel.is_grid) return header.item_count;
  std::uint64_t units = 1;
  for (int axis = 0; axis < 3; axis++) {
    const std::uint64_t local = std::max(kernel.workgroup[axis], 1u);
    units = MultiplySaturated(units, (header.grid[axis] + local - 1) / local);
  }
  return units;
}

}  // namespace

Status CheckRun(const Sqe& entry, const KernelText& kernel, const Region& region, std::uint32_t group, std::uint32_t lanes,
                std::span<std::uint8_t> block) {
  if (entry.group != group) return Status::kBadRange;
  const std::uint64_t params = ParamsOf(entry);
  const std::uint64_t bytes = BlockBytes(kernel.slots.size());
  if (params % kBlockLineBytes != 0 || !IsInArena(region, params, bytes)) return Status::kBadArgumentBlock;
  CopyOnce(block.first(bytes), region.base + params);

  for (std::size_t i = 0; i < kernel.slots.size(); i++)
    if (!IsSlotGood(block.data(), i, kernel.slots[i], region, lanes)) return Status::kBadArgumentBlock;
  const bool is_inside = std::uint64_t{entry.first_item} + entry.item_count <= UnitsOf(BlockHeaderOf(block.data()), kernel);
  return is_inside ? Status::kOk : Status::kBadRange;
}

}  // namespace gpubridge
