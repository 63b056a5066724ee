#include "host/process_end.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include "host/report.h"

namespace gpubridge {
namespace {

constexpr std::size_t kCrashStackBytes = 64 * 1024;
constexpr int kSignalExitBase = 128;  // What shells say of a process that ended by a signal.

std::atomic<HostLine*> host_line{nullptr};

void WriteEnd(HostState state, std::uint32_t fault) {
  HostLine* const line = host_line.load();
  if (line == nullptr) return;
  std::atomic_ref(line->fault).store(fault);
  std::atomic_ref(line->state).store(static_cast<std::uint32_t>(state));
}

std::string_view NameOf(int signal_number) {
  switch (signal_number) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGFPE:
      return "SIGFPE";
    case SIGILL:
      return "SIGILL";
    default:
      return "SIGABRT";
  }
}

void OnCrash(int signal_number) {
  WriteEnd(HostState::kFaulted, static_cast<std::uint32_t>(signal_number));
  WriteFatal(kSignalExitBase + signal_number, NameOf(signal_number));
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

void InstallCrashHandlers() {
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    struct sigaction action {};
    // A sanitizer's handler says more than ours.
    if (sigaction(number, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) continue;
    action.sa_handler = OnCrash;
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    sigaction(number, &action, nullptr);
  }
}

}  // namespace

void NameHostLine(HostLine* line) { host_line.store(line); }

void Die(ExitCode code, std::string_view reason, std::uint32_t fault) {
  WriteEnd(HostState::kFaulted, fault);
  WriteFatal(static_cast<int>(code), reason);
  _exit(static_cast<int>(code));
}

void DieOfErrno(ExitCode code, std::string_view what) {
  const int error = errno;
  char reason[256];
  const char* const name = strerrorname_np(error);
  const std::string_view parts[] = {what, ": ", name == nullptr ? "unknown error" : name};
  std::size_t length = 0;
  for (const std::string_view part : parts) {
    const std::size_t taken = std::min(part.size(), sizeof reason - length);
    std::memcpy(reason + length, part.data(), taken);
    length += taken;
  }
  Die(code, {reason, length}, static_cast<std::uint32_t>(error));
}

void EndAsAsked() {
  WriteEnd(HostState::kStopped, 0);
  _exit(static_cast<int>(ExitCode::kAsAsked));
}

void InstallLastWords() {
  std::set_new_handler([] { Die(ExitCode::kSystemFault, "out of memory", ENOMEM); });
  std::set_terminate([] { Die(ExitCode::kSystemFault, "an exception that nobody caught"); });
  InstallCrashHandlers();
}

CrashStack::CrashStack()
    : memory_(mmap(nullptr, kCrashStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
  if (memory_ == MAP_FAILED) DieOfErrno(ExitCode::kSystemFault, "stack of the crash handler");
  stack_t stack{};
  stack.ss_sp = memory_;
  stack.ss_size = kCrashStackBytes;
  sigaltstack(&stack, nullptr);
}

CrashStack::~CrashStack() {
  stack_t stack{};
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, nullptr);
  munmap(memory_, kCrashStackBytes);
}

}  // namespace gpubridge
