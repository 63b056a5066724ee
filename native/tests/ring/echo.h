// An executor that answers every entry with what it was asked, and parks whenever its ring is empty.
#pragma once

#include <chrono>

#include "gpubridge/ring.h"

namespace gpubridge {

// Returns when the silo asks it to stop.
inline void Echo(RingMemory<> memory) {
  ExecutorEnd<> executor(memory);
  Sqe entry;
  while (executor.Ready() || !executor.StopRequested()) {
    executor.BeginLease();
    while (executor.Ready()) {
      executor.Take(entry);
      Cqe completion{};
      completion.status = static_cast<std::uint32_t>(Status::kOk);
      completion.user_data_low = entry.user_data_low;
      completion.user_data_high = entry.user_data_high;
      completion.generation = entry.generation;
      completion.mode = entry.mode;
      executor.Complete(completion);
    }
    executor.Park(std::chrono::minutes(1));
  }
}

}  // namespace gpubridge
