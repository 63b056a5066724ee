// How long an idle executor polls before it parks, and what it does between two polls. See
// packages/compute-cpu/src/polling-loop.ts, whose policy this is, by time instead of by polls.
#pragma once

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace gpubridge {

inline void PauseBriefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

class SpinPolicy {
 public:
  using Clock = std::chrono::steady_clock;

  explicit SpinPolicy(std::chrono::nanoseconds longest) : longest_(longest), spin_(longest) {}

  std::chrono::nanoseconds spin() const { return spin_; }

  // Where pauses are long, polling after the last entry of a burst wins nothing, and takes the core from the thread that waits
  // for the result where the system puts both on one.
  void AfterPause(std::chrono::nanoseconds parked) {
    spin_ = parked < kShortPause ? longest_ : std::max(std::min(kLeastSpin, longest_), spin_ / kDivisor);
  }

 private:
  // A pause that polling would have been worth bridging.
  static constexpr std::chrono::nanoseconds kShortPause = std::chrono::microseconds(500);
  // Always worth it: about as long as parking takes.
  static constexpr std::chrono::nanoseconds kLeastSpin = std::chrono::microseconds(5);
  static constexpr int kDivisor = 4;

  std::chrono::nanoseconds longest_;
  std::chrono::nanoseconds spin_;
};

}  // namespace gpubridge
