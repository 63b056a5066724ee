#include "practice_ring.h"

#include <algorithm>
#include <chrono>

#include "command_wait.h"

namespace gpubridge::opencl {
namespace {

constexpr int kTimings = 5;
constexpr std::uint32_t kCapacity = 2;
constexpr std::uint32_t kRingBytes = (3 + 2 * kCapacity) * kLineBytes;

void Clear(std::uint8_t* page, std::size_t bytes, bool stop) {
  std::fill_n(page, bytes, std::uint8_t{0});
  *reinterpret_cast<RingHeader*>(page) = {kRingMagic, kRingAbiVersion, kCapacity, 1, {}};
  reinterpret_cast<SiloLine*>(page + kLineBytes)->stop = stop ? 1 : 0;
}

}  // namespace

std::unique_ptr<PracticeRing> PracticeRing::Create(const Session& session, std::size_t local_size, Failure& failure) {
  std::unique_ptr<PracticeRing> ring(new PracticeRing(local_size));
  ring->queue_ = MakeQueue(session, failure);
  ring->memory_ = MakeBuffer(session, kBytes, ring->page_->bytes.data(), failure);
  return ring->queue_ && ring->memory_ ? std::move(ring) : nullptr;
}

std::optional<Failure> PracticeRing::RunEmpty(cl_kernel kernel) {
  Clear(page_->bytes.data(), kBytes, true);
  return Lease(kernel, 1);
}

std::optional<double> PracticeRing::PollsPerNanosecond(cl_kernel kernel, std::uint32_t polls, Failure& failure) {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  // The fastest: whatever disturbs makes it slower.
  for (int i = 0; i < kTimings; ++i) {
    Clear(page_->bytes.data(), kBytes, false);
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

std::optional<Failure> PracticeRing::Lease(cl_kernel kernel, std::uint32_t max_empty_polls) {
  const cl_mem memory = memory_.get();
  if (auto refused = SetArguments(kernel, 0, memory, cl_ulong{kBytes}, cl_ulong{kRingBytes}, memory, cl_uint{kRingBytes}, cl_uint{0},
                                  cl_uint{max_empty_polls}, cl_uint{1})) {
    return refused;
  }
  Failure failure;
  const Event event = Launch(queue_.get(), kernel, local_size_, local_size_, failure);
  if (!event) return failure;
  const cl_int status = AwaitEnd(event.get());
  if (status != CL_COMPLETE) return ErrorText("resident kernel on a practice ring", status);
  return std::nullopt;
}

}  // namespace gpubridge::opencl
