// The head of a region: written by the silo, checked once by a host. See native/README.md "Region".
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "gpubridge/backend.h"
#include "gpubridge/ring.h"

namespace gpubridge {

inline constexpr std::uint32_t kRingsOffset = 4096;
inline constexpr std::uint64_t kArenaAlignment = 4096;

inline RegionHeader& HeaderOf(const Region& region) { return *reinterpret_cast<RegionHeader*>(region.base); }
inline HostLine& HostLineOf(const Region& region) { return *reinterpret_cast<HostLine*>(region.base + kLineBytes); }
inline RingMemory<> RingOf(const Region& region, std::uint32_t group) {
  return RingMemory<>(region.ring(group), region.ring_capacity);
}

// Reads the header at the start of `bytes` mapped bytes. Everything that `region` names then lies inside the mapping, rings
// and arena overlap neither each other nor the head, and nothing is read from the header again.
// Returns what is wrong with it, or nothing.
inline std::optional<Failure> ParseRegion(std::uint8_t* base, std::uint64_t bytes, Region& region) {
  if (reinterpret_cast<std::uintptr_t>(base) % kLineBytes != 0) return "the mapping does not start on a line";
  if (bytes < kRingsOffset) return "the region is smaller than its head";
  RegionHeader header;
  std::memcpy(&header, base, sizeof header);
  if (header.magic != kRegionMagic) return "this is no region";
  if (header.version != kRingAbiVersion)
    return "the region is of version " + std::to_string(header.version) + ", not " + std::to_string(kRingAbiVersion);

  Region parsed;
  parsed.base = base;
  parsed.bytes = bytes;
  parsed.ring_count = header.ring_count;
  parsed.ring_capacity = header.ring_capacity;
  parsed.rings_offset = header.rings_offset;
  parsed.arena_offset = std::uint64_t{header.arena_offset_high} << 32 | header.arena_offset_low;
  parsed.arena_bytes = std::uint64_t{header.arena_bytes_high} << 32 | header.arena_bytes_low;
  if (!std::has_single_bit(parsed.ring_capacity)) return "the capacity of the rings is not a power of two";
  parsed.ring_bytes = RingBytes(parsed.ring_capacity);

  // By division, since the products of hostile numbers overflow.
  if (parsed.rings_offset != kRingsOffset) return "the rings do not begin at " + std::to_string(kRingsOffset);
  if (parsed.ring_count == 0) return "the region has no rings";
  if (parsed.ring_count > (bytes - parsed.rings_offset) / parsed.ring_bytes) return "the rings do not fit in the region";
  const std::uint64_t rings_end = parsed.rings_offset + parsed.ring_count * parsed.ring_bytes;
  if (parsed.arena_offset % kArenaAlignment != 0) return "the arena does not begin on a page";
  if (parsed.arena_offset < rings_end) return "the arena overlaps the rings";
  if (parsed.arena_offset > bytes || parsed.arena_bytes > bytes - parsed.arena_offset)
    return "the arena does not fit in the region";
  region = parsed;
  return std::nullopt;
}

// Bytes of a region with these parts.
constexpr std::uint64_t RegionBytes(std::uint32_t ring_count, std::uint32_t ring_capacity, std::uint64_t arena_bytes) {
  const std::uint64_t rings_end = kRingsOffset + ring_count * RingBytes(ring_capacity);
  return (rings_end + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment + arena_bytes;
}

// Writes the header of a cleared region and of its rings, as the silo does; for tests and benchmarks. `base` has
// RegionBytes(...) bytes.
inline Region InitialiseRegion(std::uint8_t* base, std::uint32_t ring_count, std::uint32_t ring_capacity,
                               std::uint64_t arena_bytes, std::uint32_t generation) {
  Region region;
  region.base = base;
  region.bytes = RegionBytes(ring_count, ring_capacity, arena_bytes);
  region.rings_offset = kRingsOffset;
  region.ring_bytes = RingBytes(ring_capacity);
  region.ring_count = ring_count;
  region.ring_capacity = ring_capacity;
  region.arena_bytes = arena_bytes;
  region.arena_offset = region.bytes - arena_bytes;
  RegionHeader& header = HeaderOf(region);
  header = RegionHeader{};
  header.magic = kRegionMagic;
  header.version = kRingAbiVersion;
  header.ring_count = ring_count;
  header.ring_capacity = ring_capacity;
  header.rings_offset = kRingsOffset;
  header.arena_offset_low = static_cast<std::uint32_t>(region.arena_offset);
  header.arena_offset_high = static_cast<std::uint32_t>(region.arena_offset >> 32);
  header.arena_bytes_low = static_cast<std::uint32_t>(arena_bytes);
  header.arena_bytes_high = static_cast<std::uint32_t>(arena_bytes >> 32);
  for (std::uint32_t group = 0; group < ring_count; group++) RingOf(region, group).Initialise(generation);
  return region;
}

}  // namespace gpubridge
