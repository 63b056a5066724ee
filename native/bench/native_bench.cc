// The native figures that benchmarks of the bridge stand beside, as lines `name key=value …`: how long an entry of a ring takes from
// one thread to another and back, and from one process to another and back, with both sides polling.
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "gpubridge/region.h"
#include "gpubridge/ring.h"
#include "host/spin_policy.h"

namespace gpubridge {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kCapacity = 8;
constexpr std::uint32_t kWindows = 10;
constexpr std::uint32_t kMostSamples = 20'000;  // Of a window.
constexpr std::chrono::milliseconds kLongestWindow{500};  // Where the cores are busy, a window has fewer samples.

void Echo(const Region& region) {
  ExecutorEnd<> executor(RingOf(region, 0));
  Sqe entry;
  Cqe completion{};
  completion.status = static_cast<std::uint32_t>(Status::kOk);
  while (!executor.StopRequested()) {
    if (!executor.Ready()) {
      PauseBriefly();
      continue;
    }
    executor.Take(entry);
    completion.user_data_low = entry.user_data_low;
    executor.Complete(completion);
  }
}

std::int64_t RoundTripNs(SiloEnd<>& silo, std::uint32_t number) {
  Sqe entry{};
  entry.user_data_low = number;
  Cqe completion;
  const Clock::time_point begun = Clock::now();
  silo.Submit(entry);
  while (!silo.Reap(completion)) PauseBriefly();
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begun).count();
  if (completion.user_data_low != number) {
    std::fprintf(stderr, "round trip %u came back as %u\n", number, completion.user_data_low);
    std::exit(1);
  }
  return ns;
}

// The median of each window, and of them the best, the middle and the worst; the first window warms up.
void Measure(const char* name, const Region& region) {
  SiloEnd<> silo(RingOf(region, 0));
  std::uint32_t number = 0;
  std::vector<std::int64_t> medians;
  for (std::uint32_t window = 0; window <= kWindows; window++) {
    std::vector<std::int64_t> samples;
    const Clock::time_point begun = Clock::now();
    while (samples.size() < kMostSamples && Clock::now() - begun < kLongestWindow)
      samples.push_back(RoundTripNs(silo, number++));
    const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
    std::nth_element(samples.begin(), middle, samples.end());
    if (window > 0) medians.push_back(*middle);
  }
  silo.RequestStop();
  std::sort(medians.begin(), medians.end());
  std::printf("%s p50_ns=%lld min_window_ns=%lld max_window_ns=%lld windows=%u samples=%u\n", name,
              static_cast<long long>(medians[kWindows / 2]), static_cast<long long>(medians.front()),
              static_cast<long long>(medians.back()), kWindows, number);
}

Region NewRegion() {
  const std::uint64_t bytes = RegionBytes(1, kCapacity, 4096);
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    std::exit(1);
  }
  return InitialiseRegion(static_cast<std::uint8_t*>(memory), 1, kCapacity, 4096, 1);
}

void BetweenThreads() {
  const Region region = NewRegion();
  std::thread executor([&] { Echo(region); });
  Measure("ping_pong_threads", region);
  executor.join();
  munmap(region.base, region.bytes);
}

void BetweenProcesses() {
  const Region region = NewRegion();
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) {
    std::perror("fork");
    std::exit(1);
  }
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) Echo(region);
    _exit(0);
  }
  Measure("ping_pong_processes", region);
  waitpid(child, nullptr, 0);
  munmap(region.base, region.bytes);
}

}  // namespace
}  // namespace gpubridge

int main() {
  gpubridge::BetweenThreads();
  gpubridge::BetweenProcesses();
}
