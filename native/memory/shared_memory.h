// Memory that the silo's process makes and device hosts map.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace gpubridge {

// A call of the system that failed.
struct SystemError {
  int number;        // errno.
  std::string text;  // The call and what the system says of it.
};

// Most bytes of a region: what an ArrayBuffer of Node 20 can have, less a page.
inline constexpr std::uint64_t kMaxRegionBytes = (std::uint64_t{1} << 32) - 4096;
inline constexpr std::uint64_t kPageBytes = 4096;

// Bytes that this machine, or the control group of this process, could still give; nothing where neither says so.
std::optional<std::uint64_t> AvailableBytes(const char* meminfo = "/proc/meminfo",
                                            const char* group_limit = "/sys/fs/cgroup/memory.max");

// A zeroed memfd and its mapping. Sealed: nobody who has the descriptor can shrink it under those who mapped it.
//
// The first kPreallocatedBytes are allocated at once, the rest as it is touched: a page costs about as much at its first touch
// as here, and an arena of 512 MiB would take 0.35 s and all its memory at the start. For the rest it is only checked that
// the machine has so much. Memory of a memfd has no file system that could be full, so that a touch does not end in SIGBUS; a
// machine that runs out of memory later ends processes, as it does for any other memory.
class SharedMemory {
 public:
  static constexpr std::uint64_t kPreallocatedBytes = 4 << 20;

  // `bytes`: a multiple of kPageBytes, at most kMaxRegionBytes. Null and `error` filled where it cannot be had.
  static std::shared_ptr<SharedMemory> Create(std::uint64_t bytes, SystemError& error);

  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  std::uint8_t* base() const { return base_; }
  std::uint64_t bytes() const { return bytes_; }
  // Close-on-exec; -1 once closed.
  int fd() const { return fd_; }
  // The mapping stays.
  void CloseDescriptor();

 private:
  SharedMemory(int fd, std::uint64_t bytes) : fd_(fd), bytes_(bytes) {}

  int fd_;
  std::uint64_t bytes_;
  std::uint8_t* base_ = nullptr;
};

}  // namespace gpubridge
