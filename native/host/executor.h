// The consumer of one ring: polls, parks, checks entries, and runs them or hands the ring to a resident kernel. See
// native/README.md "Serving a ring".
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "gpubridge/backend.h"
#include "gpubridge/region.h"
#include "host/kernel_registry.h"
#include "host/mapped_region.h"
#include "host/spin_policy.h"

namespace gpubridge {

struct ServingOptions {
  std::uint32_t generation = 0;
  Mode mode = Mode::kResident;  // For entries that ask for none; one that the device has.
  std::chrono::nanoseconds idle_park{};
  std::uint32_t lease_entries = 0;
};

// The best mode of a device that is not better than `asked`; kAny asks for the best.
Mode ModeOf(const Capabilities& capabilities, Mode asked);

class Executor {
 public:
  // `ending` set: Run returns behind the entry that runs.
  Executor(const MappedRegion& mapped, std::uint32_t group, Backend& backend, KernelRegistry& kernels,
           const ServingOptions& options, const std::atomic<bool>& ending);

  // Serves until the ring is stopped and empty, or the host ends.
  void Run();

  // Whether Run has returned.
  bool IsDone() const { return is_done_.load(); }

  // Ends Run soon once `ending` is set, also when it is parked or lent to a resident kernel, which only knows the ring. For a host
  // whose silo is gone or done with the ring.
  void EndSoon() const;

 private:
  bool AwaitEntry();
  bool Poll();
  bool IsOver() const { return ending_.load(std::memory_order_relaxed); }
  bool IsForResident(const Sqe& entry) const;
  Mode ModeFor(const Sqe& entry) const;
  void Serve(Mode mode);
  void RunNext();
  Outcome Execute(const Sqe& entry);
  Outcome RunKernel(const Sqe& entry);
  Status AwaitKernel(std::uint32_t number);

  const MappedRegion& mapped_;
  const std::uint32_t group_;
  Backend& backend_;
  KernelRegistry& kernels_;
  const ServingOptions options_;
  const std::atomic<bool>& ending_;
  ExecutorEnd<> ring_;
  SpinPolicy spin_;
  std::atomic<bool> is_done_{false};
};

}  // namespace gpubridge
