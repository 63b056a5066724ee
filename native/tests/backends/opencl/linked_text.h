// A resident loop written by hand after the contract of `LinkedKernel`, as small as it can be: its kernels add their own number
// to every word of a column.
#pragma once

#include <string>

#include "gpubridge/backend.h"

namespace gpubridge {

// A loop over these kernels in work-groups of `group_size` items; 0: any. Slots of each: inout column.
inline LinkedText AddingLoop(const std::string& entry, const std::vector<std::uint32_t>& kernels, std::uint32_t group_size) {
  LinkedText linked;
  linked.entry = entry;
  linked.kernels = kernels;
  linked.group_size = group_size;
  std::string known;
  for (const std::uint32_t kernel : kernels) known += " || sqe[2] == " + std::to_string(kernel) + "u";
  const std::string head =
      group_size == 0 ? "" : "__attribute__((reqd_work_group_size(" + std::to_string(group_size) + ", 1, 1)))";
  linked.source = R"(
uint load(__global uint* word) {
  return atomic_load_explicit((volatile __global atomic_uint*)word, memory_order_seq_cst, memory_scope_device);
}
void store(__global uint* word, uint value) {
  atomic_store_explicit((volatile __global atomic_uint*)word, value, memory_order_seq_cst, memory_scope_device);
}
bool is_mine(__global uint* sqe) { return sqe[1] == 1 && sqe[13] != 3 && (false)" + known + R"(); }

// 1: an entry, 0: the lease is over.
uint next(__global uint* ring, uint position, uint maxEmptyPolls, uint left) {
  __global uint* sqe = ring + 48 + (position & (ring[2] - 1)) * 16;
  if (left == 0) return 0;
  for (uint polls = 0; load(sqe) != position + 1; ++polls) {
    if (load(ring + 16) != 0) return load(sqe) == position + 1 && is_mine(sqe);
    if (polls < maxEmptyPolls) continue;
    store(ring + 33, 1);
    if (load(sqe) != position + 1 && load(ring + 16) == 0) return 0;
    store(ring + 33, 0);
    polls = 0;
  }
  return is_mine(sqe);
}

__kernel )" + head + " void " + entry + R"((__global uchar* memory, ulong memoryBytes, ulong arenaOffset, __global uchar* rings,
    uint ringBytes, uint firstRing, uint maxEmptyPolls, uint maxEntries) {
  __global uint* ring = (__global uint*)(rings + (firstRing + get_group_id(0)) * (ulong)ringBytes);
  __local uint go;
  const uint lane = get_local_id(0);
  if (lane == 0) {
    store(ring + 33, 0);
    store(ring + 35, ring[35] + 1);
  }
  uint position = ring[32];
  for (uint left = maxEntries;; ++position) {
    if (lane == 0) go = next(ring, position, maxEmptyPolls, left);
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    if (!go) break;
    __global uint* sqe = ring + 48 + (position & (ring[2] - 1)) * 16;
    if (lane == 0) store(ring + 32, position + 1);
    __global uint* column = (__global uint*)(memory + *(__global ulong*)(memory + sqe[6] + 24));
    for (uint i = lane; i < sqe[9]; i += get_local_size(0)) column[sqe[8] + i] += sqe[2];
    barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
    if (lane == 0) {
      __global uint* cqe = ring + 48 + (ring[2] + (position & (ring[2] - 1))) * 16;
      cqe[1] = 1;
      cqe[2] = sqe[4];
      cqe[3] = sqe[5];
      cqe[4] = ring[3];
      cqe[5] = 0;
      cqe[6] = 0;
      cqe[7] = maxEntries == 0xffffffffu ? 1 : 2;
      store(cqe, position + 1);
    }
    if (left != 0xffffffffu) --left;
  }
}
)";
  linked.fingerprint = entry;
  return linked;
}

// The same kernel for Run.
inline KernelText AddingKernel(std::uint32_t number) {
  KernelText text;
  text.number = number;
  text.id = "adding@0123456789abcdef";
  text.entry = "adding" + std::to_string(number);
  text.fingerprint = text.entry;
  text.slots = {{SlotPart::kColumn, 4, SlotAccess::kInOut}};
  text.source = "__kernel void " + text.entry + R"((__global uchar* memory, ulong block, uint first, uint count, uint group,
    __global uint* violations) {
  __global uint* column = (__global uint*)(memory + *(__global ulong*)(memory + block + 24));
  for (uint i = get_global_id(0); i < count; i += get_global_size(0)) column[first + i] += )" + std::to_string(number) + "u;\n}\n";
  return text;
}

}  // namespace gpubridge
