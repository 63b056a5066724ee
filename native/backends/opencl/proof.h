// What a driver does, rather than what it says: whether a running kernel and the host see each other's writes, and
// whether other kernels get on meanwhile.
#pragma once

#include <string>

#include "session.h"

namespace gpubridge::opencl {

struct Proof {
  bool coherent = false;  // A running kernel sees what the host writes into its own memory, and the other way round.
  bool resident = false;  // So many kernels can run for good beside each other and beside ordinary ones.
  std::string doubt;      // Why not, where one is false.
};

// Kernels that could be resident at the same time and leave something for ordinary ones.
std::uint32_t MostResident(const DeviceFacts& device);

// Bounded in time: kernels that hear nothing end by themselves. What was proven before for this device and driver is
// taken from the cache.
Proof Prove(const Session& session);

}  // namespace gpubridge::opencl
