// Runs entries one launch at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "loaded_kernels.h"
#include "session.h"

namespace gpubridge::opencl {

// One executor's launches; used by its thread only.
class Launcher {
 public:
  // `memory` is the region as the device sees it; `is_coherent`: it is the host's own memory.
  static std::unique_ptr<Launcher> Create(const Session& session, const LoadedKernels& kernels, const Region& region,
                                          cl_mem memory, bool is_coherent, Failure& failure);

  Outcome Run(const Sqe& entry);

 private:
  // A stretch of the region that has to be copied.
  struct Extent {
    std::uint64_t offset;
    std::uint64_t bytes;
    bool is_written;
  };
  struct Prepared {
    std::shared_ptr<LoadedKernel> kernel;
    Kernel object;
  };

  Launcher(const Session& session, const LoadedKernels& kernels, const Region& region, cl_mem memory, bool is_coherent)
      : session_(session), kernels_(kernels), region_(region), memory_(memory), is_coherent_(is_coherent) {}

  // Null with the status that the entry ends with.
  Prepared* Prepare(std::uint32_t number, Status& status);
  std::size_t GlobalSize(const LoadedKernel& kernel, std::uint32_t count) const;
  bool TakeBlock(const Sqe& entry, const LoadedKernel& kernel);
  std::optional<Failure> LaunchEntry(const Sqe& entry, const Prepared& prepared);
  std::optional<Failure> CopyIn(const Sqe& entry);
  std::optional<Failure> CopyOut();
  bool Answers();

  const Session& session_;
  const LoadedKernels& kernels_;
  const Region region_;
  const cl_mem memory_;
  const bool is_coherent_;
  Queue queue_;
  // The kernel counts here. A line of the host's memory where the device sees that, else copied as the columns are.
  std::unique_ptr<std::uint8_t[]> violations_memory_;
  std::uint32_t* violations_ = nullptr;
  Buffer violations_buffer_;
  std::unordered_map<std::uint32_t, Prepared> prepared_;
  // Of the entry that runs, where it is copied.
  std::vector<std::uint8_t> block_;
  std::vector<Extent> extents_;
};

}  // namespace gpubridge::opencl
