// Kernels of the tests, as the C++ artifacts of packages/kernels are: functions over the region's memory. Block: a header of
// four words, then slots of {u32 space, u32 count, u64 offset}. Like those, a map takes it that its columns have room for all
// items, and a grid looks at the length of its arrays, which is that of their first column.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <limits>

namespace {

struct Slot {
  std::uint32_t space;
  std::uint32_t count;
  std::uint64_t offset;
};

Slot SlotOf(const std::uint8_t* memory, std::uint64_t block, int index) {
  Slot slot;
  std::memcpy(&slot, memory + block + 16 + 16 * index, sizeof slot);
  return slot;
}

std::uint32_t* Words(std::uint8_t* memory, const Slot& slot) {
  return reinterpret_cast<std::uint32_t*>(memory + slot.offset);
}

// Not a tail call, and each frame is touched. The bound is beyond any stack.
std::uint32_t Deeper(std::uint32_t depth) {
  volatile std::uint8_t frame[4096];
  for (std::uint32_t i = 0; i < sizeof frame; i += 512) frame[i] = static_cast<std::uint8_t>(depth);
  return depth == ~0u ? 0 : Deeper(depth + 1) + frame[512];
}

volatile std::uintptr_t nowhere = 64;

}  // namespace

extern "C" {

// A map: out[i] = in[i] * 3 + 1; slots: in, out.
std::int32_t triple(std::uint8_t* memory, std::uint64_t block, std::uint32_t first, std::uint32_t count, std::uint32_t) {
  const std::uint32_t* const in = Words(memory, SlotOf(memory, block, 0));
  std::uint32_t* const out = Words(memory, SlotOf(memory, block, 1));
  for (std::uint32_t i = first, left = count; left != 0; ++i, --left) out[i] = in[i] * 3 + 1;
  return 0;
}

// The same as a grid. Ids outside of an array count as violations.
std::int32_t triple_grid(std::uint8_t* memory, std::uint64_t block, std::uint32_t first, std::uint32_t count, std::uint32_t) {
  const Slot in = SlotOf(memory, block, 0);
  const Slot out = SlotOf(memory, block, 1);
  const std::uint64_t end = std::uint64_t{first} + count;
  const std::uint64_t inside = std::max<std::uint64_t>(first, std::min({end, std::uint64_t{in.count}, std::uint64_t{out.count}}));
  for (std::uint64_t i = first; i < inside; i++) Words(memory, out)[i] = Words(memory, in)[i] * 3 + 1;
  return static_cast<std::int32_t>(std::min<std::uint64_t>(end - inside, std::numeric_limits<std::int32_t>::max()));
}

// A map: lists of three elements for each item; slots: counts, elements.
std::int32_t fill_lists(std::uint8_t* memory, std::uint64_t block, std::uint32_t first, std::uint32_t count, std::uint32_t) {
  std::uint32_t* const counts = Words(memory, SlotOf(memory, block, 0));
  std::uint32_t* const elements = Words(memory, SlotOf(memory, block, 1));
  for (std::uint32_t i = first, left = count; left != 0; ++i, --left) {
    counts[i] = 3;
    for (std::uint64_t j = 0; j < 3; j++) elements[3 * std::uint64_t{i} + j] = i;
  }
  return 0;
}

// A grid: two columns of an array, by way of sixteen words of workspace; slots: the columns, the workspace.
std::int32_t fill_pairs(std::uint8_t* memory, std::uint64_t block, std::uint32_t first, std::uint32_t count, std::uint32_t group) {
  const Slot left = SlotOf(memory, block, 0);
  std::uint32_t* const right = Words(memory, SlotOf(memory, block, 1));
  const Slot workspace = SlotOf(memory, block, 2);
  const std::uint64_t words_each = (std::uint64_t{workspace.count} + 15) / 16 * 16;
  std::uint32_t* const own = Words(memory, workspace) + group * words_each;
  std::fill_n(own, 16, group);
  std::int32_t violations = 0;
  for (std::uint64_t id = first; id < std::uint64_t{first} + count; id++) {
    if (id >= left.count) {
      violations++;
      continue;
    }
    Words(memory, left)[id] = own[id % 16];
    right[id] = own[id % 16];
  }
  return violations;
}

// Fills the scratch region of its executor with the number of its group.
std::int32_t mark_scratch(std::uint8_t* memory, std::uint64_t block, std::uint32_t, std::uint32_t, std::uint32_t group) {
  const Slot scratch = SlotOf(memory, block, 0);
  const std::uint64_t stride = (std::uint64_t{scratch.count} * 4 + 63) / 64 * 64;
  auto* const words = reinterpret_cast<std::uint32_t*>(memory + scratch.offset + group * stride);
  for (std::uint32_t i = 0; i < scratch.count; i++) words[i] = group + 1;
  return 0;
}

// Runs until the first word of its column is not 0; slots: the column.
std::int32_t wait_for_word(std::uint8_t* memory, std::uint64_t block, std::uint32_t, std::uint32_t, std::uint32_t) {
  std::uint32_t& word = *Words(memory, SlotOf(memory, block, 0));
  while (std::atomic_ref(word).load() == 0) {
  }
  return 0;
}

std::int32_t many_violations(std::uint8_t*, std::uint64_t, std::uint32_t, std::uint32_t, std::uint32_t) { return -1; }

std::int32_t write_nowhere(std::uint8_t*, std::uint64_t, std::uint32_t, std::uint32_t, std::uint32_t) {
  *reinterpret_cast<volatile std::uint32_t*>(nowhere) = 1;
  return 0;
}

std::int32_t overflow_stack(std::uint8_t*, std::uint64_t, std::uint32_t, std::uint32_t, std::uint32_t) {
  return static_cast<std::int32_t>(Deeper(0));
}
}
