#include "launcher.h"

#include <algorithm>
#include <atomic>

#include "command_wait.h"
#include "gpubridge/argument_block.h"

namespace gpubridge::opencl {
namespace {

constexpr std::size_t kDeviceLineBytes = 128;
// Items that are worth another work-item on a processor: waking a thread costs some microseconds.
constexpr std::uint32_t kItemsPerWorkItem = 256;
// On other devices: work-items per compute unit that hide the latency of memory, and the step of a launch.
constexpr std::size_t kWorkItemsPerUnit = 2048;
constexpr std::size_t kLaunchStep = 64;
// Work-groups per compute unit of a kernel with a workgroup; each takes every so many-th group.
constexpr std::size_t kGroupsPerUnit = 8;

bool IsCopied(SlotPart part) { return part == SlotPart::kColumn || part == SlotPart::kOffsets || part == SlotPart::kCounts; }

}  // namespace

std::unique_ptr<Launcher> Launcher::Create(const Session& session, const LoadedKernels& kernels, const Region& region,
                                           cl_mem memory, bool is_coherent, Failure& failure) {
  std::unique_ptr<Launcher> launcher(new Launcher(session, kernels, region, memory, is_coherent));
  launcher->queue_ = MakeQueue(session, failure);
  launcher->violations_memory_ = std::make_unique<std::uint8_t[]>(2 * kDeviceLineBytes);
  void* start = launcher->violations_memory_.get();
  std::size_t space = 2 * kDeviceLineBytes;
  launcher->violations_ = static_cast<std::uint32_t*>(std::align(kDeviceLineBytes, kDeviceLineBytes, start, space));
  launcher->violations_buffer_ = MakeBuffer(session, kDeviceLineBytes, is_coherent ? launcher->violations_ : nullptr, failure);
  return launcher->queue_ && launcher->violations_buffer_ ? std::move(launcher) : nullptr;
}

Outcome Launcher::Run(const Sqe& entry) {
  Outcome outcome;
  const Prepared* prepared = Prepare(entry.kernel, outcome.status);
  if (prepared == nullptr) return outcome;
  if (!is_coherent_ && !TakeBlock(entry, *prepared->kernel)) {
    outcome.status = Status::kBadArgumentBlock;
    return outcome;
  }
  if (std::optional<Failure> failure = LaunchEntry(entry, *prepared)) {
    session_.log("kernel " + prepared->kernel->id() + ": " + *failure);
    outcome.status = Status::kDeviceError;
    outcome.device_lost = !Answers();
    return outcome;
  }
  outcome.violations = std::atomic_ref(*violations_).load(std::memory_order_acquire);
  return outcome;
}

// Whether the device still takes commands after one has failed.
bool Launcher::Answers() {
  constexpr cl_uint kAnything = 0;
  return Cl().EnqueueWriteBuffer(queue_.get(), violations_buffer_.get(), CL_TRUE, 0, sizeof kAnything, &kAnything, 0, nullptr, nullptr) ==
         CL_SUCCESS;
}

Launcher::Prepared* Launcher::Prepare(std::uint32_t number, Status& status) {
  std::shared_ptr<LoadedKernel> kernel = kernels_.Find(number);
  if (kernel == nullptr) {
    status = Status::kUnknownKernel;
    return nullptr;
  }
  Prepared& prepared = prepared_[number];
  if (prepared.kernel == kernel) return &prepared;
  Failure failure;
  Kernel object = kernel->Make(failure);
  if (!object) {
    session_.log("kernel " + kernel->id() + ": " + failure);
    status = Status::kDeviceError;
    return nullptr;
  }
  prepared = {std::move(kernel), std::move(object)};
  return &prepared;
}

std::size_t Launcher::GlobalSize(const LoadedKernel& kernel, std::uint32_t count) const {
  const std::size_t units = session_.device.compute_units;
  const std::size_t wanted = std::max<std::size_t>(count, 1);
  if (const std::size_t size = kernel.group_size(); size != 0) return size * std::min(wanted, kGroupsPerUnit * units);
  if (kernel.needs_scratch()) return FreeGroupSize(session_.device);
  if (session_.device.is_cpu()) return std::min((wanted + kItemsPerWorkItem - 1) / kItemsPerWorkItem, units);
  return std::min((wanted + kLaunchStep - 1) / kLaunchStep * kLaunchStep, kWorkItemsPerUnit * units);
}

std::optional<Failure> Launcher::LaunchEntry(const Sqe& entry, const Prepared& prepared) {
  std::atomic_ref(*violations_).store(0, std::memory_order_release);
  if (!is_coherent_) {
    if (auto failure = CopyIn(entry)) return failure;
  }
  const cl_mem violations = violations_buffer_.get();
  if (auto failure = SetArguments(prepared.object.get(), 0, memory_, cl_ulong{ParamsOf(entry)}, cl_uint{entry.first_item},
                                  cl_uint{entry.item_count}, cl_uint{entry.group}, violations)) {
    return failure;
  }
  const LoadedKernel& kernel = *prepared.kernel;
  const std::size_t any_size = session_.device.is_cpu() ? 1 : 0;
  const std::size_t local_size = kernel.group_size() != 0 ? kernel.group_size() : any_size;
  const std::size_t global_size = GlobalSize(kernel, entry.item_count);
  if (auto failure = RunToEnd(queue_.get(), prepared.object.get(), global_size, local_size, "kernel")) return failure;
  return is_coherent_ ? std::nullopt : CopyOut();
}

// Reads the argument block once, and what of the region it names. False where that does not lie inside the arena.
bool Launcher::TakeBlock(const Sqe& entry, const LoadedKernel& kernel) {
  const std::uint64_t offset = ParamsOf(entry);
  const std::uint64_t bytes = BlockBytes(kernel.slots().size());
  if (!IsInArena(region_, offset, bytes)) return false;
  block_.assign(region_.base + offset, region_.base + offset + bytes);
  extents_.clear();
  for (std::size_t i = 0; i < kernel.slots().size(); ++i) {
    const SlotLayout& layout = kernel.slots()[i];
    if (!IsCopied(layout.part)) continue;
    const BlockSlot slot = SlotOf(block_.data(), i);
    const std::uint64_t extent = std::uint64_t{slot.element_count} * layout.element_bytes;
    if (extent == 0) continue;
    if (!IsInArena(region_, slot.offset, extent)) return false;
    extents_.push_back({slot.offset, extent, layout.access != SlotAccess::kIn});
  }
  return true;
}

// Columns that are only written go in as well: what the kernel leaves alone comes back as it was.
std::optional<Failure> Launcher::CopyIn(const Sqe& entry) {
  cl_int error = CL_SUCCESS;
  const auto copy = [&](cl_mem to, std::uint64_t offset, std::uint64_t bytes, const void* from) {
    if (error == CL_SUCCESS) error = Cl().EnqueueWriteBuffer(queue_.get(), to, CL_FALSE, offset, bytes, from, 0, nullptr, nullptr);
  };
  copy(violations_buffer_.get(), 0, sizeof *violations_, violations_);
  copy(memory_, ParamsOf(entry), block_.size(), block_.data());
  for (const Extent& extent : extents_) copy(memory_, extent.offset, extent.bytes, region_.base + extent.offset);
  if (error == CL_SUCCESS) return std::nullopt;
  // What was enqueued still reads the block.
  Cl().Finish(queue_.get());
  return ErrorText("clEnqueueWriteBuffer", error);
}

std::optional<Failure> Launcher::CopyOut() {
  cl_int error = CL_SUCCESS;
  const auto copy = [&](cl_mem from, std::uint64_t offset, std::uint64_t bytes, void* to) {
    if (error == CL_SUCCESS) error = Cl().EnqueueReadBuffer(queue_.get(), from, CL_FALSE, offset, bytes, to, 0, nullptr, nullptr);
  };
  copy(violations_buffer_.get(), 0, sizeof *violations_, violations_);
  for (const Extent& extent : extents_) {
    if (extent.is_written) copy(memory_, extent.offset, extent.bytes, region_.base + extent.offset);
  }
  if (error == CL_SUCCESS) error = Cl().Finish(queue_.get());
  if (error == CL_SUCCESS) return std::nullopt;
  return ErrorText("clEnqueueReadBuffer", error);
}

}  // namespace gpubridge::opencl
