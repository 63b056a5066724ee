#include "resident_form.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "command_wait.h"
#include "practice_ring.h"

namespace gpubridge::opencl {
namespace {

constexpr std::uint32_t kNoLimit = std::numeric_limits<std::uint32_t>::max();
// Polls that are always worth it, and those by which a loop is timed.
constexpr double kLeastPolls = 1'000;
constexpr std::uint32_t kTimedPolls = 200'000;

// Position of the entry behind the one that ran last.
std::uint32_t PositionOf(const RingMemory<>& ring) { return SharedWords::Load(ring.executor().running); }

// Null where nothing has been published yet.
const Sqe* NextOf(const RingMemory<>& ring) {
  const std::uint32_t position = PositionOf(ring);
  const Sqe& entry = ring.submission(position);
  return RingMemory<>::IsPublished(entry, position) ? &entry : nullptr;
}

bool IsStopped(const RingMemory<>& ring) { return SharedWords::Load(ring.silo().stop) != 0; }

std::uint32_t PollsFor(std::uint64_t idle_ns, double polls_per_ns) {
  const double polls = static_cast<double>(idle_ns) * polls_per_ns;
  return static_cast<std::uint32_t>(std::clamp(polls, kLeastPolls, static_cast<double>(kNoLimit - 1)));
}

std::string LoopFlags(const DeviceFacts& device, const std::string& flags) {
  // Atomics that order host and device came with 3.0. Without them the texts make do with volatile words and fences.
  const bool needs_version = device.has_opencl_c_3 && flags.find("-cl-std=") == std::string::npos;
  return FlagsFor(device, needs_version ? WithFlag(flags, "-cl-std=CL3.0") : flags, true);
}

}  // namespace

std::shared_ptr<const ResidentForm> ResidentForm::Build(const Session& session, std::span<const LinkedText> linked, const Region& region,
                                                        cl_mem memory, cl_mem rings, Failure& failure) {
  std::shared_ptr<ResidentForm> form(new ResidentForm(session, region));
  for (std::uint32_t group = 0; group < region.ring_count; ++group) {
    form->queues_.push_back(MakeQueue(session, failure));
    if (!form->queues_.back()) return nullptr;
  }
  for (const LinkedText& text : linked) {
    if (auto refused = form->Add(text, memory, rings)) {
      failure = *refused;
      return nullptr;
    }
  }
  return form;
}

std::optional<Failure> ResidentForm::Add(const LinkedText& linked, cl_mem memory, cl_mem rings) {
  Loop loop;
  loop.local_size = linked.group_size != 0 ? linked.group_size : FreeGroupSize(session_.device);
  if (auto refused = CheckGroupSize(session_.device, loop.local_size)) return refused;
  Failure failure;
  std::unique_ptr<PracticeRing> practice = PracticeRing::Create(session_, loop.local_size, failure);
  if (practice == nullptr) return failure;
  const ProgramText text{linked.source, LoopFlags(session_.device, linked.flags), linked.fingerprint, linked.entry};
  loop.program = session_.programs.FromBinary(text);
  if (!loop.program) {
    is_from_cache_ = false;
    loop.program = session_.programs.FromSource(text, [&](cl_kernel kernel) { return practice->RunEmpty(kernel); }, failure);
  }
  if (!loop.program) return failure;

  for (std::uint32_t group = 0; group < region_.ring_count; ++group) {
    Kernel kernel = MakeKernel(loop.program.get(), linked.entry, failure);
    if (!kernel) return failure;
    if (group == 0) {
      const std::optional<double> speed = practice->PollsPerNanosecond(kernel.get(), kTimedPolls, failure);
      if (!speed) return failure;
      loop.polls_per_ns = *speed;
    }
    const auto ring_bytes = static_cast<cl_uint>(region_.ring_bytes);
    const cl_ulong arena_end = region_.arena_offset + region_.arena_bytes;
    if (auto refused =
            SetArguments(kernel.get(), 0, memory, arena_end, cl_ulong{region_.arena_offset}, rings, ring_bytes, cl_uint{group})) {
      return refused;
    }
    loop.kernels.push_back(std::move(kernel));
  }
  for (const std::uint32_t kernel : linked.kernels) loop_of_[kernel] = loops_.size();
  loops_.push_back(std::move(loop));
  return std::nullopt;
}

const ResidentForm::Loop* ResidentForm::LoopFor(const RingMemory<>& ring) const {
  const Sqe* entry = NextOf(ring);
  if (entry == nullptr || entry->op != static_cast<std::uint32_t>(Op::kRun)) return nullptr;
  if (entry->mode == static_cast<std::uint32_t>(Mode::kLaunched)) return nullptr;
  const auto found = loop_of_.find(entry->kernel);
  return found == loop_of_.end() ? nullptr : &loops_[found->second];
}

// Several loops may take turns here: an entry that is foreign to one may be for another.
LeaseEnd ResidentForm::Serve(std::uint32_t group, const LeaseLimits& limits) const {
  const RingMemory<> ring = RingOf(region_, group);
  const bool is_limited = limits.entries != 0 && limits.entries != kNoLimit;
  std::uint32_t left = is_limited ? limits.entries : kNoLimit;
  for (;;) {
    const Loop* loop = LoopFor(ring);
    if (loop == nullptr) return NextOf(ring) == nullptr && IsStopped(ring) ? LeaseEnd::kStopped : LeaseEnd::kForeign;
    const std::uint32_t before = PositionOf(ring);
    if (!RunLease(*loop, group, limits.idle_ns, left)) return LeaseEnd::kFailed;
    const std::uint32_t consumed = PositionOf(ring) - before;
    if (is_limited) left -= std::min(left, consumed);
    if (SharedWords::Load(ring.executor().parked) != 0) return LeaseEnd::kIdle;
    if (left == 0) return LeaseEnd::kEntries;
    if (NextOf(ring) == nullptr) return IsStopped(ring) ? LeaseEnd::kStopped : LeaseEnd::kEntries;
    // It left an entry alone that was linked into it: the host runs that one.
    if (consumed == 0) return LeaseEnd::kForeign;
  }
}

bool ResidentForm::RunLease(const Loop& loop, std::uint32_t group, std::uint64_t idle_ns, std::uint32_t entries) const {
  const cl_kernel kernel = loop.kernels[group].get();
  constexpr cl_uint kFirstLimit = 6;
  constexpr std::chrono::nanoseconds kNoSpin{0};
  std::optional<Failure> failure = SetArguments(kernel, kFirstLimit, cl_uint{PollsFor(idle_ns, loop.polls_per_ns)}, cl_uint{entries});
  if (!failure) failure = RunToEnd(queues_[group].get(), kernel, loop.local_size, loop.local_size, "resident kernel", kNoSpin);
  if (failure) session_.log("executor " + std::to_string(group) + ": " + *failure);
  return !failure;
}

}  // namespace gpubridge::opencl
