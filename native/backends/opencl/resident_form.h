// Resident loops: linked kernels that consume rings by themselves.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "gpubridge/region.h"
#include "session.h"

namespace gpubridge::opencl {

// The linked kernels of one Seal, built and warm. Serve may run for several groups at once, one thread each.
class ResidentForm {
 public:
  // `memory` is the region, which device and host both see; `rings` its part from the first ring on.
  static std::shared_ptr<const ResidentForm> Build(const Session& session, std::span<const LinkedText> linked, const Region& region,
                                                   cl_mem memory, cl_mem rings, Failure& failure);

  bool is_from_cache() const { return is_from_cache_; }
  bool Runs(std::uint32_t kernel) const { return loop_of_.contains(kernel); }
  LeaseEnd Serve(std::uint32_t group, const LeaseLimits& limits) const;

 private:
  // A linked kernel.
  struct Loop {
    Program program;
    std::size_t local_size = 1;
    double polls_per_ns = 1;
    std::vector<Kernel> kernels;  // By group.
  };

  ResidentForm(const Session& session, const Region& region) : session_(session), region_(region) {}

  std::optional<Failure> Add(const LinkedText& linked, cl_mem memory, cl_mem rings);
  // The loop of the ring's next entry; null where it is none's, or there is no entry.
  const Loop* LoopFor(const RingMemory<>& ring) const;
  bool RunLease(const Loop& loop, std::uint32_t group, std::uint64_t idle_ns, std::uint32_t entries) const;

  const Session& session_;
  const Region region_;
  std::vector<Loop> loops_;
  std::unordered_map<std::uint32_t, std::size_t> loop_of_;
  bool is_from_cache_ = true;
  std::vector<Queue> queues_;  // By group: a lease blocks its queue.
};

}  // namespace gpubridge::opencl
