// Kernels that were loaded for Run, by number.
#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "session.h"

namespace gpubridge::opencl {

// One kernel. Its program is built from source when it is loaded for the first time on this machine, later from the kept
// binary, and then only once it is run: a host that starts again serves sooner.
class LoadedKernel {
 public:
  LoadedKernel(const Session& session, KernelText text);

  // Builds it now unless a binary is there. `warm_up`: with a launch, for which a compute unit is free.
  std::optional<Failure> Prepare(bool warm_up);

  // A kernel object for the calling thread's own use. Empty with the reason.
  Kernel Make(Failure& failure);

  const std::vector<SlotLayout>& slots() const { return text_.slots; }
  // Work-items of a work-group; 0: any.
  std::uint32_t group_size() const { return text_.workgroup[0] * text_.workgroup[1] * text_.workgroup[2]; }
  bool needs_scratch() const { return needs_scratch_; }
  const std::string& id() const { return text_.id; }

 private:
  Program Build(Failure& failure);
  Program BuildFromSource(bool warm_up, Failure& failure);
  std::optional<Failure> WarmUp(cl_kernel kernel) const;

  const Session& session_;
  KernelText text_;
  ProgramText program_text_;
  bool needs_scratch_ = false;
  std::mutex building_;
  Program program_;
};

class LoadedKernels {
 public:
  explicit LoadedKernels(const Session& session) : session_(session) {}

  // Whether loading may launch. Not where resident kernels can take all compute units: it would wait for one of them to end,
  // and the first entry compiles the rest instead. Before the first Load.
  void SetWarmUp(bool warm_up) { warm_up_ = warm_up; }

  std::optional<Failure> Load(const KernelText& text);

  // Null where there is none of this number.
  std::shared_ptr<LoadedKernel> Find(std::uint32_t number) const;

 private:
  const Session& session_;
  bool warm_up_ = true;
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::uint32_t, std::shared_ptr<LoadedKernel>> kernels_;
};

}  // namespace gpubridge::opencl
