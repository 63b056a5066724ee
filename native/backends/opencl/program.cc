#include "program.h"

namespace gpubridge::opencl {
namespace {

Bytes BinaryOf(cl_program program) {
  std::size_t bytes = 0;
  if (Cl().GetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof bytes, &bytes, nullptr) != CL_SUCCESS) return {};
  Bytes binary(bytes);
  unsigned char* start = binary.data();
  if (Cl().GetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof start, &start, nullptr) != CL_SUCCESS) return {};
  return binary;
}

}  // namespace

std::string WithFlag(const std::string& flags, const char* flag) { return flags.empty() ? flag : flags + ' ' + flag; }

std::string FlagsFor(const DeviceFacts& device, const std::string& flags, bool has_barriers) {
  // PoCL 3.1 gets barriers in branches and loops wrong, also in groups of one, where it optimises before it splits the code
  // at them; docs/KERNELS.md.
  return device.is_pocl() && has_barriers ? WithFlag(flags, "-cl-opt-disable") : flags;
}

std::string ProgramFactory::KeyOf(const ProgramText& text) const {
  return "program " + text.fingerprint + ' ' + std::to_string(HashOf(text.source)) + "\nflags " + text.flags + "\ndevice " +
         device_.name + "\ndriver " + device_.driver;
}

Program ProgramFactory::FromBinary(const ProgramText& text) const {
  const std::optional<Bytes> binary = cache_.Read(KeyOf(text));
  if (!binary) return {};
  const std::size_t bytes = binary->size();
  const unsigned char* start = binary->data();
  cl_int status = CL_SUCCESS;
  cl_int error = CL_SUCCESS;
  Program program(Cl().CreateProgramWithBinary(context_, 1, &device_.id, &bytes, &start, &status, &error));
  if (error != CL_SUCCESS || status != CL_SUCCESS) return {};
  if (Cl().BuildProgram(program.get(), 1, &device_.id, text.flags.c_str(), nullptr, nullptr) != CL_SUCCESS) return {};
  return program;
}

Program ProgramFactory::FromSource(const ProgramText& text, const WarmUp& warm_up, Failure& failure) const {
  const char* source = text.source.c_str();
  const std::size_t length = text.source.size();
  cl_int error = CL_SUCCESS;
  Program program(Cl().CreateProgramWithSource(context_, 1, &source, &length, &error));
  if (error != CL_SUCCESS) {
    failure = ErrorText("clCreateProgramWithSource", error);
    return {};
  }
  error = Cl().BuildProgram(program.get(), 1, &device_.id, text.flags.c_str(), nullptr, nullptr);
  if (error != CL_SUCCESS) {
    failure = ErrorText("clBuildProgram", error) + '\n' + BuildLog(program.get());
    return {};
  }
  Kernel kernel = MakeKernel(program.get(), text.entry, failure);
  if (!kernel) return {};
  if (std::optional<Failure> cold = warm_up(kernel.get())) {
    failure = *cold;
    return {};
  }
  if (cache_.enabled()) {
    const Bytes binary = BinaryOf(program.get());
    if (!binary.empty()) cache_.Write(KeyOf(text), binary);
  }
  return program;
}

std::string ProgramFactory::BuildLog(cl_program program) const {
  std::size_t bytes = 0;
  if (Cl().GetProgramBuildInfo(program, device_.id, CL_PROGRAM_BUILD_LOG, 0, nullptr, &bytes) != CL_SUCCESS || bytes == 0) return {};
  std::string log(bytes, '\0');
  if (Cl().GetProgramBuildInfo(program, device_.id, CL_PROGRAM_BUILD_LOG, bytes, log.data(), nullptr) != CL_SUCCESS) return {};
  while (!log.empty() && (log.back() == '\0' || log.back() == '\n')) log.pop_back();
  return log;
}

Kernel MakeKernel(cl_program program, const std::string& entry, Failure& failure) {
  cl_int error = CL_SUCCESS;
  Kernel kernel(Cl().CreateKernel(program, entry.c_str(), &error));
  if (error != CL_SUCCESS) failure = ErrorText("clCreateKernel", error) + " for `" + entry + '`';
  return kernel;
}

}  // namespace gpubridge::opencl
