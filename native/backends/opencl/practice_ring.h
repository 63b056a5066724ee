// A ring of its own for a resident loop to be warmed up and timed on.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "gpubridge/ring.h"
#include "session.h"

namespace gpubridge::opencl {

class PracticeRing {
 public:
  static std::unique_ptr<PracticeRing> Create(const Session& session, std::size_t local_size, Failure& failure);

  // A lease that ends at once, by the stop word.
  std::optional<Failure> RunEmpty(cl_kernel kernel);

  // How fast it polls: a lease of so many empty polls.
  std::optional<double> PollsPerNanosecond(cl_kernel kernel, std::uint32_t polls, Failure& failure);

 private:
  static constexpr std::size_t kBytes = 4096;
  static constexpr std::uint32_t kCapacity = 2;
  static_assert(RingBytes(kCapacity) <= kBytes);
  struct alignas(kBytes) Page {
    std::array<std::uint8_t, kBytes> bytes;
  };

  explicit PracticeRing(std::size_t local_size) : page_(std::make_unique<Page>()), local_size_(local_size) {}

  void Clear(bool stop);
  std::optional<Failure> Lease(cl_kernel kernel, std::uint32_t max_empty_polls);

  std::unique_ptr<Page> page_;
  std::size_t local_size_;
  Queue queue_;
  Buffer memory_;
};

}  // namespace gpubridge::opencl
