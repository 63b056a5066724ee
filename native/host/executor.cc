#include "host/executor.h"

#include <limits>

#include "host/entry_check.h"
#include "host/process_end.h"

namespace gpubridge {
namespace {

using Clock = std::chrono::steady_clock;

// A parked executor looks up this often even if nobody rings, so that a lost bell costs a pause and not a job.
constexpr std::chrono::seconds kPark{1};
// How often a wait for a kernel shows that the executor lives.
constexpr std::chrono::milliseconds kLoadWait{20};
// Polls between two looks at the clock, and at most between two beats.
constexpr std::uint32_t kPollsPerLook = 64;
// Polling without a pause longer than this, another thread on this core may be the one that would end it.
constexpr std::chrono::microseconds kYieldAfter{50};

std::uint32_t SaturatedNs(Clock::duration duration) {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
  return static_cast<std::uint32_t>(std::min<std::int64_t>(ns, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

Mode ModeOf(const Capabilities& capabilities, Mode asked) {
  const bool may_reside = asked == Mode::kAny || asked == Mode::kResident;
  if (may_reside && capabilities.resident) return Mode::kResident;
  if ((may_reside || asked == Mode::kLeased) && capabilities.leased) return Mode::kLeased;
  return capabilities.launched ? Mode::kLaunched : Mode::kResident;
}

Executor::Executor(const MappedRegion& mapped, std::uint32_t group, Backend& backend, KernelRegistry& kernels,
                   const ServingOptions& options, const std::atomic<bool>& ending)
    : mapped_(mapped),
      group_(group),
      backend_(backend),
      kernels_(kernels),
      options_(options),
      ending_(ending),
      ring_(RingOf(mapped.region(), group)),
      spin_(options.idle_park) {}

void Executor::Run() {
  const CrashStack crash_stack;
  ring_.BeginLease();
  while (AwaitEntry()) {
    Sqe next;
    ring_.Peek(next);
    const Mode mode = ModeFor(next);
    if (mode == Mode::kLaunched || !IsForResident(next))
      RunNext();
    else
      Serve(mode);
  }
  is_done_.store(true);
}

void Executor::EndSoon() const {
  SiloLine& silo = ring_.memory().silo();
  SharedWords::Store(silo.stop, 1);
  FutexWake(&silo.submission_bell);
}

// False: stopped and empty, or the host ends.
bool Executor::AwaitEntry() {
  for (;;) {
    if (Poll()) return !IsOver();
    if (ring_.StopRequested() || IsOver()) return !IsOver() && ring_.Ready();
    const Clock::time_point parked = Clock::now();
    while (!ring_.Ready() && !ring_.StopRequested() && !IsOver()) ring_.Park(kPark);
    spin_.AfterPause(Clock::now() - parked);
    ring_.BeginLease();
  }
}

// Whether there is an entry; false after the time that polling is worth now, or when there is a reason to end.
bool Executor::Poll() {
  if (ring_.Ready()) return true;
  const Clock::time_point begun = Clock::now();
  for (;;) {
    for (std::uint32_t polls = 0; polls < kPollsPerLook; polls++) {
      if (ring_.Ready()) return true;
      PauseBriefly();
    }
    ring_.Beat();
    if (ring_.StopRequested() || IsOver()) return ring_.Ready();
    const Clock::duration waited = Clock::now() - begun;
    if (waited >= spin_.spin()) return false;
    if (waited >= kYieldAfter) sched_yield();
  }
}

bool Executor::IsForResident(const Sqe& entry) const {
  return entry.op == static_cast<std::uint32_t>(Op::kRun) && backend_.IsResident(entry.kernel);
}

// The mode that an entry asks for, where the device has it.
Mode Executor::ModeFor(const Sqe& entry) const {
  const auto asked = static_cast<Mode>(entry.mode);
  const Capabilities& has = backend_.capabilities();
  const bool has_it = (asked == Mode::kResident && has.resident) || (asked == Mode::kLeased && has.leased) ||
                      (asked == Mode::kLaunched && has.launched);
  return has_it ? asked : options_.mode;
}

// Lets the resident kernel go on from the entry of this position, and goes on behind the last one that it ran.
void Executor::Serve(Mode mode) {
  const LeaseLimits limits{static_cast<std::uint64_t>(options_.idle_park.count()),
                           mode == Mode::kLeased ? options_.lease_entries : 0};
  const LeaseEnd end = backend_.Serve(group_, limits);
  ring_.ContinueAt(ring_.running());
  switch (end) {
    case LeaseEnd::kFailed:
      Die(ExitCode::kDeviceFault, "the resident kernel of ring " + std::to_string(group_) + " failed");
    case LeaseEnd::kForeign:
      // Looked at as resident again it would come back at once.
      if (ring_.Ready()) RunNext();
      break;
    case LeaseEnd::kIdle:
    case LeaseEnd::kEntries:
    case LeaseEnd::kStopped:
      break;
  }
}

void Executor::RunNext() {
  Sqe entry;
  ring_.Take(entry);
  ring_.Beat();
  const Clock::time_point started = Clock::now();
  const Outcome outcome = Execute(entry);
  Cqe completion{};
  completion.status = static_cast<std::uint32_t>(outcome.status);
  completion.user_data_low = entry.user_data_low;
  completion.user_data_high = entry.user_data_high;
  completion.generation = options_.generation;
  completion.violations = outcome.violations;
  completion.duration_ns = SaturatedNs(Clock::now() - started);
  // Where Run is no launch, the thread itself is what resides.
  completion.mode = static_cast<std::uint32_t>(backend_.capabilities().launched ? Mode::kLaunched : Mode::kResident);
  ring_.Complete(completion);
}

Outcome Executor::Execute(const Sqe& entry) {
  if (entry.generation != options_.generation) return {Status::kStaleGeneration};
  if (entry.op == static_cast<std::uint32_t>(Op::kRun)) return RunKernel(entry);
  if (entry.op == static_cast<std::uint32_t>(Op::kLoadKernel)) return {AwaitKernel(entry.kernel)};
  return {Status::kUnknownOp};
}

Outcome Executor::RunKernel(const Sqe& entry) {
  const KernelText* const kernel = kernels_.Find(entry.kernel);
  if (kernel == nullptr) return {Status::kUnknownKernel};
  const Capabilities& capabilities = backend_.capabilities();
  const std::span<std::uint8_t> block = mapped_.PrivateBlockBytes(group_);
  const Status status = CheckRun(entry, *kernel, mapped_.region(), group_, capabilities.lanes, block);
  if (status != Status::kOk) return {status};
  Sqe checked = entry;
  if (capabilities.private_blocks) {
    const std::uint64_t params = mapped_.PrivateBlock(group_);
    checked.params_low = static_cast<std::uint32_t>(params);
    checked.params_high = static_cast<std::uint32_t>(params >> 32);
  }
  const Outcome outcome = backend_.Run(checked);
  if (outcome.device_lost) Die(ExitCode::kDeviceFault, "the device was lost while it ran " + kernel->id);
  return outcome;
}

Status Executor::AwaitKernel(std::uint32_t number) {
  std::chrono::nanoseconds waited{0};
  for (;;) {
    const KernelRegistry::Answer answer = kernels_.Await(number, kLoadWait, waited);
    if (answer == KernelRegistry::Answer::kBuilt) return Status::kOk;
    if (answer == KernelRegistry::Answer::kRefused || IsOver()) return Status::kLoadFailed;
    ring_.Beat();
  }
}

}  // namespace gpubridge
