// What the silo's kernel frames came to, by number. One thread adds, executor threads look up and wait.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>

#include "gpubridge/backend.h"
#include "gpubridge/kernel_table.h"

namespace gpubridge {

class KernelRegistry {
 public:
  // A kernel that runs; null where the number is none.
  const KernelText* Find(std::uint32_t number) const { return kernels_.Find(number); }

  void AddBuilt(KernelText kernel);
  void AddRefused(std::uint32_t number);

  // Says that frames are being handled, or that all are: who waits for a kernel waits longer while they are.
  void SetBusy(bool is_busy);

  enum class Answer { kBuilt, kRefused, kNotYet };
  // Waits a moment for the result of a number. `waited` counts up over the calls for one entry while nothing is being built;
  // beyond kPatience the answer is kRefused: such a frame was never sent.
  Answer Await(std::uint32_t number, std::chrono::nanoseconds moment, std::chrono::nanoseconds& waited);
  static constexpr std::chrono::seconds kPatience{5};

 private:
  KernelTable<KernelText> kernels_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::uint32_t> refused_;
  bool is_busy_ = false;
};

}  // namespace gpubridge
