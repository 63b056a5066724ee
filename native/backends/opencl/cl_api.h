// The OpenCL entry points that are used, from a library that is looked for when it is first needed: nothing links OpenCL.
#pragma once

#define CL_TARGET_OPENCL_VERSION 300
// The one call that makes a queue on every version of the API.
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>

#include <string>
#include <utility>

#include "gpubridge/backend.h"

namespace gpubridge::opencl {

#define GPUBRIDGE_CL_FUNCTIONS(X) \
  X(GetPlatformIDs)               \
  X(GetPlatformInfo)              \
  X(GetDeviceIDs)                 \
  X(GetDeviceInfo)                \
  X(CreateContext)                \
  X(ReleaseContext)               \
  X(CreateCommandQueue)           \
  X(ReleaseCommandQueue)          \
  X(CreateBuffer)                 \
  X(CreateSubBuffer)              \
  X(ReleaseMemObject)             \
  X(CreateProgramWithSource)      \
  X(CreateProgramWithBinary)      \
  X(BuildProgram)                 \
  X(GetProgramInfo)               \
  X(GetProgramBuildInfo)          \
  X(ReleaseProgram)               \
  X(CreateKernel)                 \
  X(SetKernelArg)                 \
  X(ReleaseKernel)                \
  X(EnqueueNDRangeKernel)         \
  X(EnqueueReadBuffer)            \
  X(EnqueueWriteBuffer)           \
  X(EnqueueMapBuffer)             \
  X(EnqueueUnmapMemObject)        \
  X(Flush)                        \
  X(Finish)                       \
  X(GetEventInfo)                 \
  X(SetEventCallback)             \
  X(ReleaseEvent)

struct ClApi {
#define GPUBRIDGE_CL_POINTER(name) decltype(&::cl##name) name = nullptr;
  GPUBRIDGE_CL_FUNCTIONS(GPUBRIDGE_CL_POINTER)
#undef GPUBRIDGE_CL_POINTER
};

// Loads the library at the first call. Null with the reason where there is none.
const ClApi* FindClApi(Failure& absence);

// The library, once FindClApi has found it.
const ClApi& Cl();

// "clBuildProgram: CL_OUT_OF_RESOURCES (-5)".
std::string ErrorText(const char* call, cl_int error);

// Owns an OpenCL object; releases it with the last handle.
template <typename Object, typename Releaser>
class Handle {
 public:
  Handle() = default;
  explicit Handle(Object object) : object_(object) {}
  Handle(Handle&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Handle() {
    if (object_ != nullptr) Releaser{}(object_);
  }

  Object get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  Object object_ = nullptr;
};

#define GPUBRIDGE_CL_HANDLE(Name, Object, Release)             \
  struct Name##Releaser {                                      \
    void operator()(Object object) const { Cl().Release(object); } \
  };                                                           \
  using Name = Handle<Object, Name##Releaser>;

GPUBRIDGE_CL_HANDLE(Context, cl_context, ReleaseContext)
GPUBRIDGE_CL_HANDLE(Queue, cl_command_queue, ReleaseCommandQueue)
GPUBRIDGE_CL_HANDLE(Buffer, cl_mem, ReleaseMemObject)
GPUBRIDGE_CL_HANDLE(Program, cl_program, ReleaseProgram)
GPUBRIDGE_CL_HANDLE(Kernel, cl_kernel, ReleaseKernel)
GPUBRIDGE_CL_HANDLE(Event, cl_event, ReleaseEvent)

#undef GPUBRIDGE_CL_HANDLE

}  // namespace gpubridge::opencl
