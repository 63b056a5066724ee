#include "session.h"

#include <algorithm>

namespace gpubridge::opencl {

Context MakeContext(const DeviceFacts& device, Failure& failure) {
  const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, reinterpret_cast<cl_context_properties>(device.platform), 0};
  cl_int error = CL_SUCCESS;
  Context context(Cl().CreateContext(properties, 1, &device.id, nullptr, nullptr, &error));
  if (error != CL_SUCCESS) failure = ErrorText("clCreateContext", error);
  return context;
}

Queue MakeQueue(const Session& session, Failure& failure) {
  cl_int error = CL_SUCCESS;
  Queue queue(Cl().CreateCommandQueue(session.context.get(), session.device.id, 0, &error));
  if (error != CL_SUCCESS) failure = ErrorText("clCreateCommandQueue", error);
  return queue;
}

Buffer MakeBuffer(const Session& session, std::uint64_t bytes, void* host, Failure& failure) {
  const cl_mem_flags flags = CL_MEM_READ_WRITE | (host == nullptr ? 0 : CL_MEM_USE_HOST_PTR);
  cl_int error = CL_SUCCESS;
  Buffer buffer(Cl().CreateBuffer(session.context.get(), flags, bytes, host, &error));
  if (error != CL_SUCCESS) failure = ErrorText("clCreateBuffer", error) + " for " + std::to_string(bytes) + " bytes";
  return buffer;
}

std::uint32_t FreeGroupSize(const DeviceFacts& device) {
  constexpr std::uint64_t kLanes = 256;
  return device.is_cpu() ? 1 : static_cast<std::uint32_t>(std::min(kLanes, device.max_work_group));
}

std::optional<Failure> CheckGroupSize(const DeviceFacts& device, std::uint64_t size) {
  if (size <= device.max_work_group) return std::nullopt;
  return "work-groups of " + std::to_string(size) + ", device allows " + std::to_string(device.max_work_group);
}

Event Launch(cl_command_queue queue, cl_kernel kernel, std::size_t global_size, std::size_t local_size, Failure& failure) {
  cl_event event = nullptr;
  const std::size_t* local = local_size == 0 ? nullptr : &local_size;
  cl_int error = Cl().EnqueueNDRangeKernel(queue, kernel, 1, nullptr, &global_size, local, 0, nullptr, &event);
  if (error != CL_SUCCESS) {
    failure = ErrorText("clEnqueueNDRangeKernel", error);
    return {};
  }
  Event launched(event);
  error = Cl().Flush(queue);
  if (error != CL_SUCCESS) failure = ErrorText("clFlush", error);
  return error == CL_SUCCESS ? std::move(launched) : Event();
}

}  // namespace gpubridge::opencl
