#include "host/kernel_registry.h"

#include <utility>

namespace gpubridge {

void KernelRegistry::AddBuilt(KernelText kernel) {
  const std::lock_guard lock(mutex_);
  const std::uint32_t number = kernel.number;
  refused_.erase(number);
  kernels_.Add(number, std::move(kernel));
  changed_.notify_all();
}

void KernelRegistry::AddRefused(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  refused_.insert(number);
  changed_.notify_all();
}

void KernelRegistry::SetBusy(bool is_busy) {
  const std::lock_guard lock(mutex_);
  is_busy_ = is_busy;
}

KernelRegistry::Answer KernelRegistry::Await(std::uint32_t number, std::chrono::nanoseconds moment,
                                             std::chrono::nanoseconds& waited) {
  std::unique_lock lock(mutex_);
  const auto is_answered = [&] { return kernels_.Find(number) != nullptr || refused_.contains(number); };
  if (!changed_.wait_for(lock, moment, is_answered)) {
    if (!is_busy_) waited += moment;
    return waited < kPatience ? Answer::kNotYet : Answer::kRefused;
  }
  return kernels_.Find(number) != nullptr ? Answer::kBuilt : Answer::kRefused;
}

}  // namespace gpubridge
