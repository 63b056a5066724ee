// Waiting on a word of memory that several processes map (Linux).
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <cstdint>

namespace gpubridge {

// Sleeps while `*word` is `expected`, until a wake-up or for at most `timeout`. Returns early when it likes: whoever calls it
// looks again. True after a wake-up. Not FUTEX_PRIVATE: the other side is another process.
inline bool FutexWait(const std::uint32_t* word, std::uint32_t expected, std::chrono::nanoseconds timeout) {
  if (timeout.count() <= 0) return false;
  timespec relative{};
  relative.tv_sec = static_cast<time_t>(timeout.count() / 1'000'000'000);
  relative.tv_nsec = static_cast<long>(timeout.count() % 1'000'000'000);
  return syscall(SYS_futex, word, FUTEX_WAIT, expected, &relative, nullptr, 0) == 0;
}

// Wakes everybody who sleeps on `word`, in any process.
inline void FutexWake(const std::uint32_t* word) { syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0); }

}  // namespace gpubridge
