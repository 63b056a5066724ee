// Waiting for commands without burning a core for long ones.
#pragma once

#include <chrono>
#include <optional>

#include "cl_api.h"

namespace gpubridge::opencl {

// How long it is worth looking again and again: about what it costs to sleep and to be woken.
inline constexpr std::chrono::microseconds kShortCommand{20};

// Launches as Launch does, and waits until the kernel has ended. `what` names it in the failure that it ends with.
std::optional<Failure> RunToEnd(cl_command_queue queue, cl_kernel kernel, std::size_t global_size, std::size_t local_size,
                                const char* what, std::chrono::nanoseconds spin = kShortCommand);

// Waits until the flushed command has ended, at most so long; false: it still runs.
bool AwaitEndFor(cl_event event, std::chrono::nanoseconds limit);

}  // namespace gpubridge::opencl
