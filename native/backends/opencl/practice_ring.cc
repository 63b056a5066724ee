#include "practice_ring.h"

#include <algorithm>
#include <chrono>

#include "command_wait.h"

namespace gpubridge::opencl {
namespace {

constexpr int kTimings = 5;

}  // namespace

std::unique_ptr<PracticeRing> PracticeRing::Create(const Session& session, std::size_t local_size, Failure& failure) {
  std::unique_ptr<PracticeRing> ring(new PracticeRing(local_size));
  ring->queue_ = MakeQueue(session, failure);
  ring->memory_ = MakeBuffer(session, kBytes, ring->page_->bytes.data(), failure);
  return ring->queue_ && ring->memory_ ? std::move(ring) : nullptr;
}

std::optional<Failure> PracticeRing::RunEmpty(cl_kernel kernel) {
  Clear(true);
  return Lease(kernel, 1);
}

std::optional<double> PracticeRing::PollsPerNanosecond(cl_kernel kernel, std::uint32_t polls, Failure& failure) {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  // The fastest: whatever disturbs makes it slower.
  for (int i = 0; i < kTimings; ++i) {
    Clear(false);
    const Clock::time_point start = Clock::now();
    if (auto failed = Lease(kernel, polls)) {
      failure = *failed;
      return std::nullopt;
    }
    const std::chrono::duration<double, std::nano> took = Clock::now() - start;
    best = std::max(best, polls / took.count());
  }
  return best;
}

void PracticeRing::Clear(bool stop) {
  const RingMemory<> ring(page_->bytes.data(), kCapacity);
  ring.Initialise(1);
  ring.silo().stop = stop ? 1 : 0;
}

std::optional<Failure> PracticeRing::Lease(cl_kernel kernel, std::uint32_t max_empty_polls) {
  const cl_mem memory = memory_.get();
  const cl_uint ring_bytes = RingBytes(kCapacity);
  if (auto refused = SetArguments(kernel, 0, memory, cl_ulong{kBytes}, cl_ulong{ring_bytes}, memory, ring_bytes, cl_uint{0},
                                  cl_uint{max_empty_polls}, cl_uint{1})) {
    return refused;
  }
  return RunToEnd(queue_.get(), kernel, local_size_, local_size_, "resident kernel on a practice ring");
}

}  // namespace gpubridge::opencl
