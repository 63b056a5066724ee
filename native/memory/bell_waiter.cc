#include "memory/bell_waiter.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

#include <algorithm>
#include <utility>

#include "gpubridge/futex.h"
#include "gpubridge/ring.h"

namespace gpubridge {
namespace {

constexpr std::chrono::nanoseconds kShortest = std::chrono::microseconds(50);
constexpr std::chrono::nanoseconds kLongest = std::chrono::milliseconds(1);

}  // namespace

BellWaiter::BellWaiter(const std::uint32_t* bell, std::function<void(std::vector<std::uint64_t>)> fired)
    : bell_(bell), fired_(std::move(fired)) {}

BellWaiter::~BellWaiter() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  FutexWake(bell_);  // Only a shortcut: a thread that is about to sleep does so for kLongest at most.
  if (thread_.joinable()) thread_.join();
}

bool BellWaiter::Wait(std::uint64_t id, std::uint32_t expected) {
  std::unique_lock lock(mutex_);
  if (SharedWords::Load(*bell_) != expected) return false;
  const bool asleep = pending_.empty();
  pending_.push_back({id, expected});
  fresh_ = true;
  if (!thread_.joinable()) {
    // Signals are for the threads of the program, which expect them.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { Watch(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  lock.unlock();
  if (asleep) changed_.notify_one();
  return true;
}

std::vector<std::uint64_t> BellWaiter::TakePending() {
  std::lock_guard lock(mutex_);
  std::vector<std::uint64_t> ids;
  for (const Pending& wait : std::exchange(pending_, {})) ids.push_back(wait.id);
  return ids;
}

std::vector<std::uint64_t> BellWaiter::TakeFired(std::uint32_t seen, bool woken) {
  std::vector<std::uint64_t> ids;
  std::erase_if(pending_, [&](const Pending& wait) {
    if (!woken && wait.expected == seen) return false;
    ids.push_back(wait.id);
    return true;
  });
  return ids;
}

void BellWaiter::Watch() {
  pthread_setname_np(pthread_self(), "gpu-bridge-bell");
  prctl(PR_SET_TIMERSLACK, 1000UL);  // The kernel's own 50 µs would double the shortest sleep.
  std::chrono::nanoseconds sleep = kShortest;
  bool woken = false;
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const std::uint32_t seen = SharedWords::Load(*bell_);
    std::vector<std::uint64_t> ids = TakeFired(seen, woken);
    woken = false;
    if (!ids.empty()) {
      lock.unlock();
      fired_(std::move(ids));
      lock.lock();
      continue;
    }
    if (pending_.empty()) {
      changed_.wait(lock, [this] { return stop_ || !pending_.empty(); });
      continue;
    }
    sleep = std::exchange(fresh_, false) ? kShortest : std::min(sleep * 3 / 2, kLongest);
    lock.unlock();
    woken = FutexWait(bell_, seen, sleep);
    lock.lock();
  }
}

}  // namespace gpubridge
