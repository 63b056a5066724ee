// The silo's memory in this process.
#pragma once

#include <cstdint>
#include <span>

#include "gpubridge/backend.h"

namespace gpubridge {

// Maps the region behind this descriptor, which is closed then. Behind the region lie pages of this process alone, with
// room for one argument block per ring: at positive offsets from the region's start, so that kernels reach them, and out of
// reach for the silo.
class MappedRegion {
 public:
  // Ends the process with kBadRegion where this is no region that a host can trust.
  explicit MappedRegion(int descriptor);

  const Region& region() const { return region_; }

  // Offset from the region's start of the private block of a ring.
  std::uint64_t PrivateBlock(std::uint32_t group) const;
  std::span<std::uint8_t> PrivateBlockBytes(std::uint32_t group) const;

 private:
  Region region_;
};

// Ends the process with kBadRegion where a ring was not prepared for this generation.
void CheckRings(const Region& region, std::uint32_t generation);

}  // namespace gpubridge
