#include "command_wait.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "session.h"

namespace gpubridge::opencl {
namespace {

using Clock = std::chrono::steady_clock;

// Filled by the driver's thread. Shared with it, since a wait can be given up.
struct Ending {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<cl_int> status;
};

void CL_CALLBACK OnEnd(cl_event, cl_int status, void* data) {
  const std::unique_ptr<std::shared_ptr<Ending>> ending(static_cast<std::shared_ptr<Ending>*>(data));
  const std::lock_guard lock((*ending)->mutex);
  (*ending)->status = status;
  (*ending)->changed.notify_all();
}

// Null: the driver refused, with `error`.
std::shared_ptr<Ending> WatchFor(cl_event event, cl_int& error) {
  auto ending = std::make_shared<Ending>();
  auto shared = std::make_unique<std::shared_ptr<Ending>>(ending);
  error = Cl().SetEventCallback(event, CL_COMPLETE, OnEnd, shared.get());
  if (error != CL_SUCCESS) return nullptr;
  shared.release();
  return ending;
}

// CL_COMPLETE or an error, both of which are final; else a positive number.
cl_int StatusOf(cl_event event) {
  cl_int status = CL_QUEUED;
  const cl_int error =
      Cl().GetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, nullptr);
  return error == CL_SUCCESS ? status : error;
}

// Waits until the flushed command has ended; CL_COMPLETE, or the error it ended with.
cl_int AwaitEnd(cl_event event, std::chrono::nanoseconds spin) {
  const Clock::time_point until = Clock::now() + spin;
  do {
    const cl_int status = StatusOf(event);
    if (status <= CL_COMPLETE) return status;
  } while (Clock::now() < until);
  cl_int error = CL_SUCCESS;
  const std::shared_ptr<Ending> ending = WatchFor(event, error);
  if (ending == nullptr) return error;
  std::unique_lock lock(ending->mutex);
  ending->changed.wait(lock, [&] { return ending->status.has_value(); });
  return *ending->status;
}

}  // namespace

std::optional<Failure> RunToEnd(cl_command_queue queue, cl_kernel kernel, std::size_t global_size, std::size_t local_size,
                                const char* what, std::chrono::nanoseconds spin) {
  Failure failure;
  const Event event = Launch(queue, kernel, global_size, local_size, failure);
  if (!event) return failure;
  const cl_int status = AwaitEnd(event.get(), spin);
  if (status != CL_COMPLETE) return ErrorText(what, status);
  return std::nullopt;
}

bool AwaitEndFor(cl_event event, std::chrono::nanoseconds limit) {
  if (StatusOf(event) <= CL_COMPLETE) return true;
  cl_int error = CL_SUCCESS;
  const std::shared_ptr<Ending> ending = WatchFor(event, error);
  if (ending == nullptr) return false;
  std::unique_lock lock(ending->mutex);
  return ending->changed.wait_for(lock, limit, [&] { return ending->status.has_value(); });
}

}  // namespace gpubridge::opencl
