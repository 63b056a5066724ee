#include "host/mapped_region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpubridge/argument_block.h"
#include "gpubridge/region.h"
#include "host/process_end.h"

namespace gpubridge {
namespace {

constexpr std::uint32_t kMostRings = 1024;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kPrivateBlockBytes = (BlockBytes(kMostSlotsPerKernel) + kPage - 1) / kPage * kPage;

}  // namespace

MappedRegion::MappedRegion(int descriptor) {
  const int seals = fcntl(descriptor, F_GET_SEALS);
  if (seals < 0) DieOfErrno(ExitCode::kBadRegion, "the region is no memfd");
  // A page that went away under us would be a SIGBUS in the middle of everything.
  if ((seals & F_SEAL_SHRINK) == 0) Die(ExitCode::kBadRegion, "the region is not sealed against shrinking");
  struct stat status {};
  if (fstat(descriptor, &status) != 0) DieOfErrno(ExitCode::kBadRegion, "size of the region");
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  if (bytes == 0 || bytes % page != 0) Die(ExitCode::kBadRegion, "the region is no whole number of pages");

  const std::uint64_t blocks = kMostRings * kPrivateBlockBytes;
  void* const space = mmap(nullptr, bytes + blocks, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (space == MAP_FAILED) DieOfErrno(ExitCode::kSystemFault, "address space of the region");
  if (mmap(space, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, descriptor, 0) == MAP_FAILED)
    DieOfErrno(ExitCode::kBadRegion, "mapping the region");
  close(descriptor);

  if (const auto wrong = ParseRegion(static_cast<std::uint8_t*>(space), bytes, region_)) Die(ExitCode::kBadRegion, *wrong);
  if (region_.ring_count > kMostRings) Die(ExitCode::kBadRegion, "the region has too many rings");
}

std::uint64_t MappedRegion::PrivateBlock(std::uint32_t group) const { return region_.bytes + group * kPrivateBlockBytes; }

std::span<std::uint8_t> MappedRegion::PrivateBlockBytes(std::uint32_t group) const {
  return {region_.base + PrivateBlock(group), kPrivateBlockBytes};
}

void CheckRings(const Region& region, std::uint32_t generation) {
  for (std::uint32_t group = 0; group < region.ring_count; group++) {
    const RingMemory<> ring = RingOf(region, group);
    if (!ring.HeaderMatches() || ring.header().generation != generation)
      Die(ExitCode::kBadRegion, "ring " + std::to_string(group) + " was not prepared for generation " +
                                    std::to_string(generation));
  }
}

}  // namespace gpubridge
