#include "loaded_kernels.h"

#include <algorithm>

#include "command_wait.h"
#include "gpubridge/argument_block.h"

namespace gpubridge::opencl {
namespace {

constexpr const char* kCorrectRounding = "-cl-fp32-correctly-rounded-divide-sqrt";

}  // namespace

LoadedKernel::LoadedKernel(const Session& session, KernelText text)
    : session_(session),
      text_(std::move(text)),
      program_text_{text_.source, FlagsFor(session.device, text_.flags, group_size() != 0), text_.fingerprint, text_.entry} {
  needs_scratch_ = std::any_of(text_.slots.begin(), text_.slots.end(), [](const SlotLayout& slot) { return slot.part == SlotPart::kScratch; });
}

std::optional<Failure> LoadedKernel::Prepare(bool warm_up) {
  const DeviceFacts& device = session_.device;
  if (text_.flags.find(kCorrectRounding) != std::string::npos && !device.rounds_divisions_correctly) {
    return "a strict kernel needs correctly rounded division of f32, which this device does not offer";
  }
  if (auto refused = CheckGroupSize(device, group_size())) return refused;
  if (session_.programs.HasBinary(program_text_)) return std::nullopt;
  Failure failure;
  const std::lock_guard lock(building_);
  program_ = BuildFromSource(warm_up, failure);
  if (!program_) return failure;
  return std::nullopt;
}

Kernel LoadedKernel::Make(Failure& failure) {
  const std::lock_guard lock(building_);
  if (!program_) program_ = Build(failure);
  if (!program_) return {};
  return MakeKernel(program_.get(), text_.entry, failure);
}

Program LoadedKernel::Build(Failure& failure) {
  Program program = session_.programs.FromBinary(program_text_);
  if (program) return program;
  // Now it is the executor's turn: its own unit is free.
  return BuildFromSource(true, failure);
}

Program LoadedKernel::BuildFromSource(bool warm_up, Failure& failure) {
  const auto launch = [&](cl_kernel kernel) { return warm_up ? WarmUp(kernel) : std::nullopt; };
  return session_.programs.FromSource(program_text_, launch, failure);
}

// A launch of no items over an empty argument block.
std::optional<Failure> LoadedKernel::WarmUp(cl_kernel kernel) const {
  Failure failure;
  const Queue queue = MakeQueue(session_, failure);
  const std::vector<std::uint8_t> zeros(std::max<std::size_t>(4096, BlockBytes(text_.slots.size())));
  const Buffer memory = MakeBuffer(session_, zeros.size(), nullptr, failure);
  if (!queue || !memory) return failure;
  const cl_int error = Cl().EnqueueWriteBuffer(queue.get(), memory.get(), CL_TRUE, 0, zeros.size(), zeros.data(), 0, nullptr, nullptr);
  if (error != CL_SUCCESS) return ErrorText("clEnqueueWriteBuffer", error);
  const cl_mem bytes = memory.get();
  if (auto refused = SetArguments(kernel, 0, bytes, cl_ulong{0}, cl_uint{0}, cl_uint{0}, cl_uint{0}, bytes)) return refused;
  const std::size_t size = group_size() != 0 ? group_size() : FreeGroupSize(session_.device);
  return RunToEnd(queue.get(), kernel, size, size, "first launch");
}

std::optional<Failure> LoadedKernels::Load(const KernelText& text) {
  auto kernel = std::make_shared<LoadedKernel>(session_, text);
  if (auto failure = kernel->Prepare(warm_up_)) return failure;
  const std::unique_lock lock(mutex_);
  kernels_[text.number] = std::move(kernel);
  return std::nullopt;
}

std::shared_ptr<LoadedKernel> LoadedKernels::Find(std::uint32_t number) const {
  const std::shared_lock lock(mutex_);
  const auto found = kernels_.find(number);
  return found == kernels_.end() ? nullptr : found->second;
}

}  // namespace gpubridge::opencl
