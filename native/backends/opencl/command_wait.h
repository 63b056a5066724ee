// Waiting for commands without burning a core for long ones.
#pragma once

#include <chrono>

#include "cl_api.h"

namespace gpubridge::opencl {

// How long it is worth looking again and again: about what it costs to sleep and to be woken.
inline constexpr std::chrono::microseconds kShortCommand{20};

// Waits until the flushed command has ended; CL_COMPLETE, or the error it ended with.
cl_int AwaitEnd(cl_event event, std::chrono::nanoseconds spin = kShortCommand);

// As AwaitEnd, at most so long; false: it still runs.
bool AwaitEndFor(cl_event event, std::chrono::nanoseconds limit);

}  // namespace gpubridge::opencl
