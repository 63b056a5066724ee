// Compiled behind the text of a C++ mega-kernel that is `MEGA` and counts under kernel number 7: a silo and an executor,
// each in a thread, over one ring of four entries. The executor ends its lease after few empty polls and is started again
// when the bell rings. Prints the sum the kernel counted, the completions and the leases.
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "gpubridge/generated/ring_abi.h"

using namespace gpubridge;

namespace {

constexpr std::uint32_t kCapacity = 4;
constexpr std::uint32_t kEntries = 20000;
constexpr std::uint32_t kItems = 3;
constexpr std::uint64_t kBlock = 64;
constexpr std::uint64_t kCounter = 128;

struct alignas(64) Ring {
  RingHeader header;
  SiloLine silo;
  ExecutorLine executor;
  Sqe submissions[kCapacity];
  Cqe completions[kCapacity];
};

template <typename T>
std::atomic_ref<T> Shared(T& word) {
  return std::atomic_ref<T>(word);
}

void Fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::_Exit(1);
}

void RunSilo(Ring& ring) {
  std::uint32_t submitted = 0;
  std::uint32_t reaped = 0;
  while (reaped != kEntries) {
    if (submitted != kEntries && submitted - reaped < kCapacity) {
      Sqe& entry = ring.submissions[submitted % kCapacity];
      entry.op = static_cast<std::uint32_t>(Op::kRun);
      entry.kernel = 7;
      entry.generation = ring.header.generation;
      entry.user_data_low = submitted;
      entry.user_data_high = ~submitted;
      entry.params_low = kBlock;
      entry.params_high = 0;
      entry.first_item = 0;
      entry.item_count = kItems;
      entry.group = 0;
      Shared(entry.seq).store(++submitted, std::memory_order_seq_cst);
      if (Shared(ring.executor.parked).load(std::memory_order_seq_cst) != 0) {
        Shared(ring.silo.submission_bell).fetch_add(1, std::memory_order_seq_cst);
        Shared(ring.silo.submission_bell).notify_all();
      }
    }
    Cqe& completion = ring.completions[reaped % kCapacity];
    if (Shared(completion.seq).load(std::memory_order_acquire) != reaped + 1) {
      // Fewer and fewer entries at a time, so that the executor also meets an empty queue.
      if (submitted % 7 == 0) std::this_thread::yield();
      continue;
    }
    if (completion.status != static_cast<std::uint32_t>(Status::kOk)) Fail("an entry failed");
    if (completion.user_data_low != reaped || completion.user_data_high != ~reaped) Fail("out of order");
    if (completion.violations != 0 || completion.generation != ring.header.generation) Fail("wrong completion");
    ++reaped;
  }
  Shared(ring.silo.stop).store(1, std::memory_order_seq_cst);
  Shared(ring.silo.submission_bell).fetch_add(1, std::memory_order_seq_cst);
  Shared(ring.silo.submission_bell).notify_all();
}

}  // namespace

int main() {
  static Ring ring = {};
  ring.header = {kRingMagic, kRingAbiVersion, kCapacity, 9, {}};
  alignas(64) static std::uint8_t memory[4096] = {};
  auto* block = reinterpret_cast<std::uint32_t*>(memory + kBlock);
  block[0] = block[1] = kItems;
  block[2] = block[3] = 1;
  block[5] = 1;
  block[6] = kCounter;
  std::thread silo([] { RunSilo(ring); });
  std::uint32_t bell = 0;
  while (Shared(ring.silo.stop).load() == 0 || Shared(ring.executor.parked).load() != 0) {
    MEGA(memory, sizeof memory, reinterpret_cast<std::uint32_t*>(&ring), 20, nullptr);
    if (Shared(ring.silo.stop).load() != 0) break;
    Shared(ring.silo.submission_bell).wait(bell);
    bell = Shared(ring.silo.submission_bell).load();
  }
  silo.join();
  std::printf("%u %u %d\n", *reinterpret_cast<std::uint32_t*>(memory + kCounter), ring.executor.running,
              ring.executor.leases > 1);
  return 0;
}
