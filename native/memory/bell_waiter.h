// Waiting for bells of a region without blocking the thread that wants to know.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gpubridge {

// Watches one bell in a thread of its own, which sleeps while nobody waits. Whoever rings from a process wakes it by the
// futex; a kernel on a device can only change the word, so the word is read again after 50 µs, and after half as long again
// each time, up to 1 ms.
//
// The thread runs with the first wait, and ends with the object.
class BellWaiter {
 public:
  // `fired` is called in the watching thread, with the ids of waits whose bell has rung; it must not wait for this object.
  BellWaiter(const std::uint32_t* bell, std::function<void(std::vector<std::uint64_t>)> fired);
  ~BellWaiter();
  BellWaiter(const BellWaiter&) = delete;
  BellWaiter& operator=(const BellWaiter&) = delete;

  // Registers a wait until the bell is not `expected`, or has been rung. False, and nothing registered, where it is so already.
  bool Wait(std::uint64_t id, std::uint32_t expected);
  // Removes all waits that have not fired, and returns their ids.
  std::vector<std::uint64_t> TakePending();

 private:
  struct Pending {
    std::uint64_t id;
    std::uint32_t expected;
  };

  void Watch();
  std::vector<std::uint64_t> TakeFired(std::uint32_t seen, bool woken);

  const std::uint32_t* bell_;
  std::function<void(std::vector<std::uint64_t>)> fired_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Pending> pending_;  // Guarded by mutex_, as are the next two.
  bool fresh_ = false;            // A wait came since the thread last looked: begin again with short sleeps.
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace gpubridge
