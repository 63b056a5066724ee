// Programs of one device: from source, or from a binary that an earlier process kept.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cl_api.h"
#include "device_list.h"
#include "program_cache.h"

namespace gpubridge::opencl {

struct ProgramText {
  std::string source;
  std::string flags;
  std::string fingerprint;  // Of source and flags.
  std::string entry;
};

std::string WithFlag(const std::string& flags, const char* flag);

// A text's own flags and what this driver needs beside them.
std::string FlagsFor(const DeviceFacts& device, const std::string& flags, bool has_barriers);

// Whatever makes the driver generate machine code that should be in the binary: drivers do so at the first launch.
using WarmUp = std::function<std::optional<Failure>(cl_kernel)>;

class ProgramFactory {
 public:
  ProgramFactory(const DeviceFacts& device, cl_context context, const ProgramCache& cache)
      : device_(device), context_(context), cache_(cache) {}

  // Whether a binary was kept; it may still turn out not to work.
  bool HasBinary(const ProgramText& text) const { return cache_.Has(KeyOf(text)); }

  // Empty where there is no binary or the driver does not take it.
  Program FromBinary(const ProgramText& text) const;

  // Builds, warms up, keeps the binary. Empty with the build log or the driver's error.
  Program FromSource(const ProgramText& text, const WarmUp& warm_up, Failure& failure) const;

 private:
  std::string KeyOf(const ProgramText& text) const;
  std::string BuildLog(cl_program program) const;

  const DeviceFacts& device_;
  cl_context context_;
  const ProgramCache& cache_;
};

Kernel MakeKernel(cl_program program, const std::string& entry, Failure& failure);

}  // namespace gpubridge::opencl
