// Generated from packages/protocol/schema/ring-abi.json. Do not edit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace gpubridge {

// Ring ABI v1. One producer and one consumer per ring; little-endian; every entry and control line is 64 bytes with one writer.
// The bytes 'GBIR' at the start of a ring.
inline constexpr std::uint32_t kRingMagic = 1380535879u;
// Version of this layout; a ring of another version is refused.
inline constexpr std::uint32_t kRingAbiVersion = 1u;
// Bytes of a control line, a submission entry and a completion entry.
inline constexpr std::uint32_t kLineBytes = 64u;
// The bytes 'GBRG' at the start of a region shared with a device host.
inline constexpr std::uint32_t kRegionMagic = 1196573255u;

// What a submission-queue entry asks for.
enum class Op : std::uint32_t {
  // Run `kernel` over the items [firstItem, firstItem + itemCount) of the argument block at `params`.
  kRun = 1,
  // Take the next kernel module from the executor's side channel and keep it as number `kernel`.
  kLoadKernel = 2,
};

// How an entry ended. 0 is never written, so a torn completion cannot read as success.
enum class Status : std::uint32_t {
  // Ran to its end.
  kOk = 1,
  // The executor does not know the operation; nothing ran.
  kUnknownOp = 2,
  // No kernel was loaded under this number; nothing ran.
  kUnknownKernel = 3,
  // The kernel trapped; its outputs are unspecified.
  kKernelFault = 4,
  // The argument block does not start inside the arena on 16 bytes, points outside the arena, or names columns shorter than its items need; nothing ran.
  kBadArgumentBlock = 5,
  // The entry belongs to another incarnation of the executor; nothing ran.
  kStaleGeneration = 6,
  // The kernel module could not be instantiated.
  kLoadFailed = 7,
  // The items or the executor number are outside what the argument block has; nothing ran.
  kBadRange = 8,
  // The driver refused or failed the run, for example for want of memory; outputs are unspecified.
  kDeviceError = 9,
};

// Who consumed an entry, and who is asked to. The names are those of ExecutionMode.
enum class Mode : std::uint32_t {
  // As the device does; never in a completion of a device with several modes.
  kAny = 0,
  // A kernel or thread that polls the ring until it is stopped or has been idle for long.
  kResident = 1,
  // As resident, for a limited time or number of entries.
  kLeased = 2,
  // One launch by the host for this entry.
  kLaunched = 3,
  // A replayed graph of launches.
  kGraph = 4,
};

// What a device host does.
enum class HostState : std::uint32_t {
  // Opens the device and builds kernels; the rings are not served yet.
  kStarting = 1,
  // Serves its rings.
  kServing = 2,
  // Ended as it was asked to.
  kStopped = 3,
  // Ended because of the fault that `fault` names.
  kFaulted = 4,
};

// Line 0. Written once, before the executor starts.
struct alignas(kLineBytes) RingHeader {
  std::uint32_t magic;  // RING_MAGIC.
  std::uint32_t version;  // RING_ABI_VERSION.
  std::uint32_t capacity;  // Entries of each queue, a power of two.
  std::uint32_t generation;  // Incarnation of the executor; grows by one at each restart.
  std::uint32_t reserved[12];
};
static_assert(sizeof(RingHeader) == kLineBytes);
static_assert(std::is_trivial_v<RingHeader>);
static_assert(offsetof(RingHeader, magic) == 0);
static_assert(offsetof(RingHeader, version) == 4);
static_assert(offsetof(RingHeader, capacity) == 8);
static_assert(offsetof(RingHeader, generation) == 12);

// Line 1. Written by the silo only.
struct alignas(kLineBytes) SiloLine {
  std::uint32_t stop;  // 1: the executor returns as soon as its queue is empty.
  std::uint32_t submission_bell;  // Grows when a parked executor must look again; the executor waits on it.
  std::uint32_t reaper_parked;  // 1: the silo waits on completionBell.
  std::uint32_t reserved[13];
};
static_assert(sizeof(SiloLine) == kLineBytes);
static_assert(std::is_trivial_v<SiloLine>);
static_assert(offsetof(SiloLine, stop) == 0);
static_assert(offsetof(SiloLine, submission_bell) == 4);
static_assert(offsetof(SiloLine, reaper_parked) == 8);

// Line 2. Written by the executor only.
struct alignas(kLineBytes) ExecutorLine {
  std::uint32_t running;  // seq of the entry it runs or ran last: after a death, the suspect.
  std::uint32_t parked;  // 1: the executor waits on submissionBell.
  std::uint32_t completion_bell;  // Grows when a parked reaper must look again; the silo waits on it.
  std::uint32_t leases;  // How often the executor entered its polling loop: one lease each.
  std::uint32_t heartbeat;  // Grows while the executor polls or runs entries, at least every 256 polls.
  std::uint32_t reserved[11];
};
static_assert(sizeof(ExecutorLine) == kLineBytes);
static_assert(std::is_trivial_v<ExecutorLine>);
static_assert(offsetof(ExecutorLine, running) == 0);
static_assert(offsetof(ExecutorLine, parked) == 4);
static_assert(offsetof(ExecutorLine, completion_bell) == 8);
static_assert(offsetof(ExecutorLine, leases) == 12);
static_assert(offsetof(ExecutorLine, heartbeat) == 16);

// Submission-queue entry.
struct alignas(kLineBytes) Sqe {
  std::uint32_t seq;  // position + 1 when full; stored last with release order, compared only for equality.
  std::uint32_t op;  // Op.
  std::uint32_t kernel;  // Number under which the kernel was loaded on this device.
  std::uint32_t generation;  // The ring's generation when the entry was written.
  std::uint32_t user_data_low;  // With userDataHigh the only correlation key; copied to the completion.
  std::uint32_t user_data_high;  // See userDataLow.
  std::uint32_t params_low;  // Byte offset of the argument block in the arena's memory, low word.
  std::uint32_t params_high;  // High word of the offset.
  std::uint32_t first_item;  // First item (map), linear id (grid) or workgroup (grid with a workgroup) to run.
  std::uint32_t item_count;  // Number of items or ids to run.
  std::uint32_t group;  // Executor group number: selects the scratch region.
  std::uint32_t deadline_low;  // Absolute deadline, ns on the silo's monotonic clock, low word; 0 with deadlineHigh 0: none.
  std::uint32_t deadline_high;  // High word of the deadline.
  std::uint32_t mode;  // Mode that the caller asked for, or ANY.
  std::uint32_t reserved[2];
};
static_assert(sizeof(Sqe) == kLineBytes);
static_assert(std::is_trivial_v<Sqe>);
static_assert(offsetof(Sqe, seq) == 0);
static_assert(offsetof(Sqe, op) == 4);
static_assert(offsetof(Sqe, kernel) == 8);
static_assert(offsetof(Sqe, generation) == 12);
static_assert(offsetof(Sqe, user_data_low) == 16);
static_assert(offsetof(Sqe, user_data_high) == 20);
static_assert(offsetof(Sqe, params_low) == 24);
static_assert(offsetof(Sqe, params_high) == 28);
static_assert(offsetof(Sqe, first_item) == 32);
static_assert(offsetof(Sqe, item_count) == 36);
static_assert(offsetof(Sqe, group) == 40);
static_assert(offsetof(Sqe, deadline_low) == 44);
static_assert(offsetof(Sqe, deadline_high) == 48);
static_assert(offsetof(Sqe, mode) == 52);

// Completion-queue entry.
struct alignas(kLineBytes) Cqe {
  std::uint32_t seq;  // position + 1 when full; stored last with release order, compared only for equality.
  std::uint32_t status;  // Status.
  std::uint32_t user_data_low;  // From the submission.
  std::uint32_t user_data_high;  // From the submission.
  std::uint32_t generation;  // From the ring header; entries of another generation are refused.
  std::uint32_t violations;  // Bounds violations the kernel counted, saturating.
  std::uint32_t duration_ns;  // Time from taking the entry to publishing this one, ns, saturating; 0 where the executor has no clock.
  std::uint32_t mode;  // Mode in which the entry ran.
  std::uint32_t reserved[8];
};
static_assert(sizeof(Cqe) == kLineBytes);
static_assert(std::is_trivial_v<Cqe>);
static_assert(offsetof(Cqe, seq) == 0);
static_assert(offsetof(Cqe, status) == 4);
static_assert(offsetof(Cqe, user_data_low) == 8);
static_assert(offsetof(Cqe, user_data_high) == 12);
static_assert(offsetof(Cqe, generation) == 16);
static_assert(offsetof(Cqe, violations) == 20);
static_assert(offsetof(Cqe, duration_ns) == 24);
static_assert(offsetof(Cqe, mode) == 28);

// Line 0 of a region. Written once by the silo, before a host starts.
struct alignas(kLineBytes) RegionHeader {
  std::uint32_t magic;  // REGION_MAGIC.
  std::uint32_t version;  // RING_ABI_VERSION.
  std::uint32_t ring_count;  // Rings, one per executor.
  std::uint32_t ring_capacity;  // Entries of each queue of each ring.
  std::uint32_t rings_offset;  // Byte offset of ring 0 in the region; ring r follows r times (3 + 2 ringCapacity) lines later.
  std::uint32_t arena_offset_low;  // Byte offset of the arena in the region, a multiple of 4096, low word.
  std::uint32_t arena_offset_high;  // High word.
  std::uint32_t arena_bytes_low;  // Bytes of the arena, low word.
  std::uint32_t arena_bytes_high;  // High word.
  std::uint32_t reserved[7];
};
static_assert(sizeof(RegionHeader) == kLineBytes);
static_assert(std::is_trivial_v<RegionHeader>);
static_assert(offsetof(RegionHeader, magic) == 0);
static_assert(offsetof(RegionHeader, version) == 4);
static_assert(offsetof(RegionHeader, ring_count) == 8);
static_assert(offsetof(RegionHeader, ring_capacity) == 12);
static_assert(offsetof(RegionHeader, rings_offset) == 16);
static_assert(offsetof(RegionHeader, arena_offset_low) == 20);
static_assert(offsetof(RegionHeader, arena_offset_high) == 24);
static_assert(offsetof(RegionHeader, arena_bytes_low) == 28);
static_assert(offsetof(RegionHeader, arena_bytes_high) == 32);

// Line 1 of a region. Written by the device host only.
struct alignas(kLineBytes) HostLine {
  std::uint32_t state;  // HostState.
  std::uint32_t heartbeat;  // Grows about every 20 ms while the process runs, also while it waits.
  std::uint32_t fault;  // Why the state is FAULTED: an error code of the driver or of the system, else 0.
  std::uint32_t generation;  // The incarnation that writes this line.
  std::uint32_t reserved[12];
};
static_assert(sizeof(HostLine) == kLineBytes);
static_assert(std::is_trivial_v<HostLine>);
static_assert(offsetof(HostLine, state) == 0);
static_assert(offsetof(HostLine, heartbeat) == 4);
static_assert(offsetof(HostLine, fault) == 8);
static_assert(offsetof(HostLine, generation) == 12);

}  // namespace gpubridge
