#include "cl_api.h"

#include <dlfcn.h>

namespace gpubridge::opencl {
namespace {

struct Library {
  ClApi api;
  Failure absence;
};

Library LoadLibrary() {
  Library library;
  // Kept open for good: drivers start threads of their own.
  void* handle = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    library.absence = "no OpenCL loader: libOpenCL.so.1 was not found (Debian: ocl-icd-libopencl1)";
    return library;
  }
#define GPUBRIDGE_CL_FIND(name)                                                              \
  library.api.name = reinterpret_cast<decltype(&::cl##name)>(dlsym(handle, "cl" #name));     \
  if (library.api.name == nullptr) library.absence = "libOpenCL.so.1 has no function cl" #name;
  GPUBRIDGE_CL_FUNCTIONS(GPUBRIDGE_CL_FIND)
#undef GPUBRIDGE_CL_FIND
  return library;
}

const Library& TheLibrary() {
  static const Library library = LoadLibrary();
  return library;
}

const char* NameOf(cl_int error) {
  switch (error) {
#define GPUBRIDGE_CL_NAME(name) \
  case name:                    \
    return #name;
    GPUBRIDGE_CL_NAME(CL_DEVICE_NOT_FOUND)
    GPUBRIDGE_CL_NAME(CL_DEVICE_NOT_AVAILABLE)
    GPUBRIDGE_CL_NAME(CL_COMPILER_NOT_AVAILABLE)
    GPUBRIDGE_CL_NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE)
    GPUBRIDGE_CL_NAME(CL_OUT_OF_RESOURCES)
    GPUBRIDGE_CL_NAME(CL_OUT_OF_HOST_MEMORY)
    GPUBRIDGE_CL_NAME(CL_BUILD_PROGRAM_FAILURE)
    GPUBRIDGE_CL_NAME(CL_MISALIGNED_SUB_BUFFER_OFFSET)
    GPUBRIDGE_CL_NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)
    GPUBRIDGE_CL_NAME(CL_INVALID_VALUE)
    GPUBRIDGE_CL_NAME(CL_INVALID_DEVICE)
    GPUBRIDGE_CL_NAME(CL_INVALID_CONTEXT)
    GPUBRIDGE_CL_NAME(CL_INVALID_COMMAND_QUEUE)
    GPUBRIDGE_CL_NAME(CL_INVALID_HOST_PTR)
    GPUBRIDGE_CL_NAME(CL_INVALID_MEM_OBJECT)
    GPUBRIDGE_CL_NAME(CL_INVALID_BINARY)
    GPUBRIDGE_CL_NAME(CL_INVALID_BUILD_OPTIONS)
    GPUBRIDGE_CL_NAME(CL_INVALID_PROGRAM)
    GPUBRIDGE_CL_NAME(CL_INVALID_PROGRAM_EXECUTABLE)
    GPUBRIDGE_CL_NAME(CL_INVALID_KERNEL_NAME)
    GPUBRIDGE_CL_NAME(CL_INVALID_KERNEL)
    GPUBRIDGE_CL_NAME(CL_INVALID_ARG_INDEX)
    GPUBRIDGE_CL_NAME(CL_INVALID_ARG_VALUE)
    GPUBRIDGE_CL_NAME(CL_INVALID_ARG_SIZE)
    GPUBRIDGE_CL_NAME(CL_INVALID_KERNEL_ARGS)
    GPUBRIDGE_CL_NAME(CL_INVALID_WORK_GROUP_SIZE)
    GPUBRIDGE_CL_NAME(CL_INVALID_WORK_ITEM_SIZE)
    GPUBRIDGE_CL_NAME(CL_INVALID_OPERATION)
    GPUBRIDGE_CL_NAME(CL_INVALID_BUFFER_SIZE)
#undef GPUBRIDGE_CL_NAME
    case -1001:
      return "CL_PLATFORM_NOT_FOUND_KHR";
    default:
      return "OpenCL error";
  }
}

}  // namespace

const ClApi* FindClApi(Failure& absence) {
  const Library& library = TheLibrary();
  if (library.absence.empty()) return &library.api;
  absence = library.absence;
  return nullptr;
}

const ClApi& Cl() { return TheLibrary().api; }

std::string ErrorText(const char* call, cl_int error) {
  return std::string(call) + ": " + NameOf(error) + " (" + std::to_string(error) + ")";
}

}  // namespace gpubridge::opencl
