// A region in this process, small kernels written by hand, and the OpenCL backend opened over them.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gpubridge/argument_block.h"
#include "gpubridge/backend.h"
#include "gpubridge/region.h"

namespace gpubridge {

// A folder that is gone afterwards.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "gpu-bridge-opencl-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class TestRegion {
 public:
  explicit TestRegion(std::uint32_t rings = 1, std::uint32_t capacity = 64, std::uint64_t arena_bytes = 1 << 20)
      : bytes_(RegionBytes(rings, capacity, arena_bytes)) {
    void* base = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) abort();
    region_ = InitialiseRegion(static_cast<std::uint8_t*>(base), rings, capacity, arena_bytes, 1);
    next_ = region_.arena_offset;
  }
  ~TestRegion() { munmap(region_.base, bytes_); }

  const Region& region() const { return region_; }

  // Room in the arena; its offset in the region.
  std::uint64_t Allocate(std::uint64_t bytes) {
    const std::uint64_t offset = next_;
    next_ += (bytes + 63) / 64 * 64;
    EXPECT_LE(next_, region_.bytes);
    return offset;
  }
  std::uint32_t* Words(std::uint64_t offset) const { return reinterpret_cast<std::uint32_t*>(region_.base + offset); }
  std::vector<std::uint8_t> Image() const { return {region_.base, region_.base + region_.bytes}; }

  std::uint64_t Block(std::uint32_t items, const std::vector<BlockSlot>& slots) {
    const std::uint64_t block = Allocate(BlockBytes(slots.size()));
    Words(block)[0] = items;
    std::memcpy(region_.base + block + kBlockLineBytes, slots.data(), slots.size() * sizeof(BlockSlot));
    return block;
  }

 private:
  std::uint64_t bytes_;
  Region region_;
  std::uint64_t next_;
};

inline Sqe RunEntry(std::uint32_t kernel, std::uint64_t block, std::uint32_t first, std::uint32_t count, std::uint32_t group = 0) {
  Sqe entry{};
  entry.op = static_cast<std::uint32_t>(Op::kRun);
  entry.kernel = kernel;
  entry.generation = 1;
  entry.params_low = static_cast<std::uint32_t>(block);
  entry.params_high = static_cast<std::uint32_t>(block >> 32);
  entry.first_item = first;
  entry.item_count = count;
  entry.group = group;
  return entry;
}

// out = in * factor + group, for words; a word above 1000 is a violation. Slots: in, out, factor.
inline KernelText ScaleKernel(std::uint32_t number) {
  KernelText text;
  text.number = number;
  text.id = "scale@0123456789abcdef";
  text.entry = "scale";
  text.fingerprint = "5ca1e";
  text.slots = {{SlotPart::kColumn, 4, SlotAccess::kIn}, {SlotPart::kColumn, 4, SlotAccess::kOut}, {SlotPart::kUniform, 4, SlotAccess::kIn}};
  text.source = R"(
__kernel void scale(__global uchar* memory, ulong block, uint first, uint count, uint group, __global uint* violations) {
  __global const uint* in = (__global const uint*)(memory + *(__global const ulong*)(memory + block + 24));
  __global uint* out = (__global uint*)(memory + *(__global const ulong*)(memory + block + 40));
  const uint factor = *(__global const uint*)(memory + block + 48);
  for (uint i = get_global_id(0); i < count; i += get_global_size(0)) {
    if (in[first + i] > 1000) atomic_inc(violations);
    out[first + i] = in[first + i] * factor + group;
  }
}
)";
  return text;
}

// out[g] = sum of the squares below 16, by a work-group of 16. Slots: out.
inline KernelText SquaresKernel(std::uint32_t number) {
  KernelText text;
  text.number = number;
  text.id = "squares@0123456789abcdef";
  text.is_grid = true;
  text.workgroup[0] = 16;
  text.workgroup[1] = text.workgroup[2] = 1;
  text.entry = "squares";
  text.fingerprint = "50a7e5";
  text.slots = {{SlotPart::kColumn, 4, SlotAccess::kOut}};
  text.source = R"(
__kernel __attribute__((reqd_work_group_size(16, 1, 1)))
void squares(__global uchar* memory, ulong block, uint first, uint count, uint group, __global uint* violations) {
  __global uint* out = (__global uint*)(memory + *(__global const ulong*)(memory + block + 24));
  __local uint parts[16];
  const uint lane = get_local_id(0);
  for (uint g = get_group_id(0); g < count; g += get_num_groups(0)) {
    parts[lane] = lane * lane;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane == 0) {
      uint sum = 0;
      for (uint i = 0; i < 16; ++i) sum += parts[i];
      out[first + g] = sum;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
}
)";
  return text;
}

// PoCL settles on the folder of its own cache once per process; the folders of tests go before that. One for all processes
// of tests: what they compile is the same.
inline void KeepPoclCacheForAllTests() {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "gpu-bridge-native-tests" / "pocl";
  std::filesystem::create_directories(folder);
  setenv("POCL_CACHE_DIR", folder.c_str(), 1);
}

// The backend opened; null, and a failure of the test, where that does not work.
inline std::unique_ptr<Backend> OpenOpenCl(const OpenOptions& options) {
  KeepPoclCacheForAllTests();
  Failure failure;
  std::unique_ptr<Backend> backend = kOpenClBackend.open(options, failure);
  if (backend == nullptr) ADD_FAILURE() << "open: " << failure;
  return backend;
}

}  // namespace gpubridge
