// What a process keeps per kernel.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace gpubridge {

// Things by kernel number that are looked up without a lock, and never go away.
template <class T>
class KernelTable {
 public:
  // Numbers are given out one after the other by a silo's catalog; this is far beyond what fits in a device.
  static constexpr std::uint32_t kNumbers = 65'536;

  // Null where there is none.
  const T* Find(std::uint32_t number) const {
    return number < kNumbers ? slots_[number].load(std::memory_order_acquire) : nullptr;
  }

  // By one thread at a time; each number once.
  const T& Add(std::uint32_t number, T thing) {
    things_.push_back(std::make_unique<T>(std::move(thing)));
    // release: pairs with the acquire in Find.
    slots_[number].store(things_.back().get(), std::memory_order_release);
    return *things_.back();
  }

 private:
  std::array<std::atomic<const T*>, kNumbers> slots_{};
  std::vector<std::unique_ptr<T>> things_;
};

}  // namespace gpubridge
