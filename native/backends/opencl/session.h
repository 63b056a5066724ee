// What the parts of an open device share.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cl_api.h"
#include "device_list.h"
#include "program.h"
#include "program_cache.h"

namespace gpubridge::opencl {

using Log = std::function<void(const std::string&)>;

// A device with its context. Stays where it is: its parts refer to each other.
struct Session {
  Session(DeviceFacts facts, Context context, const std::string& cache_folder, Log log, std::string& cache_refusal)
      : device(std::move(facts)),
        context(std::move(context)),
        cache(cache_folder, cache_refusal),
        programs(device, this->context.get(), cache),
        log(std::move(log)) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const DeviceFacts device;
  const Context context;
  const ProgramCache cache;
  const ProgramFactory programs;
  const Log log;
};

Context MakeContext(const DeviceFacts& device, Failure& failure);

// In order.
Queue MakeQueue(const Session& session, Failure& failure);

// Memory of the host itself where `host` is not null, else memory of the device.
Buffer MakeBuffer(const Session& session, std::uint64_t bytes, void* host, Failure& failure);

// Work-items of a group that may have any number: processors run a group on one thread, one item after the other.
std::uint32_t FreeGroupSize(const DeviceFacts& device);

// Why the device does not take groups of this size, or nothing.
std::optional<Failure> CheckGroupSize(const DeviceFacts& device, std::uint64_t size);

// Sets arguments in order; the failure of the first that the driver refuses.
template <typename... Values>
std::optional<Failure> SetArguments(cl_kernel kernel, cl_uint first, const Values&... values) {
  cl_uint index = first;
  cl_int error = CL_SUCCESS;
  ((error = error == CL_SUCCESS ? Cl().SetKernelArg(kernel, index++, sizeof values, &values) : error), ...);
  if (error == CL_SUCCESS) return std::nullopt;
  return ErrorText("clSetKernelArg", error) + ", argument " + std::to_string(index - 1);
}

// Enqueues over one dimension and flushes. `local_size` 0: the driver's choice.
Event Launch(cl_command_queue queue, cl_kernel kernel, std::size_t global_size, std::size_t local_size, Failure& failure);

}  // namespace gpubridge::opencl
