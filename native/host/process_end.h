// How the process ends on its own, and what it says before. Safe in any thread, without memory, while other threads go on.
#pragma once

#include <cstdint>
#include <string_view>

#include "gpubridge/generated/ring_abi.h"

namespace gpubridge {

enum class ExitCode : int {
  kAsAsked = 0,
  kBadCommandLine = 64,
  kBadRegion = 65,  // Or a malformed frame.
  kUnavailable = 69,
  kDeviceFault = 70,
  kSystemFault = 71,
};

// The line that says how this incarnation ended; before it is named, and in a standby, nothing is written there.
void NameHostLine(HostLine* line);

// Writes a `fatal` line and the host line, and ends the process. `fault` is a code of the driver or the system.
[[noreturn]] void Die(ExitCode code, std::string_view reason, std::uint32_t fault = 0);

// As Die for what the system just reported in errno.
[[noreturn]] void DieOfErrno(ExitCode code, std::string_view what);

// Ends the process as it was asked to, without running destructors: a kernel may hang in one of its threads.
[[noreturn]] void EndAsAsked();

// From now on: want of memory and exceptions that nobody caught end in Die, and a crash writes its `fatal` line before the
// process ends by the signal.
void InstallLastWords();

// A stack of its own for the crash handler of this thread, whose own stack may have run out.
class CrashStack {
 public:
  CrashStack();
  ~CrashStack();
  CrashStack(const CrashStack&) = delete;
  CrashStack& operator=(const CrashStack&) = delete;

 private:
  void* memory_;
};

}  // namespace gpubridge
