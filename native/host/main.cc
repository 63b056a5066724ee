// The device-host program. See native/README.md.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "host/command_line.h"
#include "host/device_host.h"
#include "host/probe.h"
#include "host/process_end.h"
#include "host/report.h"

namespace gpubridge {
namespace {

// Signals that end a silo come to its whole process group or control group: the silo drains its devices then, and needs them.
// A host ends with its silo: by the end of the frames, by the signal that its parent's death sends, or by its look at the parent.
void LeaveTheEndToTheSilo(std::uint32_t silo_pid) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) signal(number, SIG_IGN);
  if (silo_pid == 0) return;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) DieOfErrno(ExitCode::kSystemFault, "watching the silo");
  // It may have died before it was watched.
  if (getppid() != static_cast<pid_t>(silo_pid)) EndAsAsked();
}

[[noreturn]] void Serve(const ServeCommand& command, int frames) {
  LeaveTheEndToTheSilo(command.silo_pid);
  const BackendFactory* const backend = FindBackend(command.backend);
  if (backend == nullptr) Die(ExitCode::kUnavailable, "this device host has no backend '" + command.backend + "'");
  DeviceHost host(*backend, command, frames);
  host.Control();
}

}  // namespace
}  // namespace gpubridge

int main(int argc, char** argv) {
  using namespace gpubridge;
  InstallLastWords();
  const CrashStack crash_stack;
  const int frames = TakeOverStreams();
  const Command command = ParseCommandLine({const_cast<const char* const*>(argv) + 1, static_cast<std::size_t>(argc) - 1});
  if (const auto* bad = std::get_if<BadCommandLine>(&command)) Die(ExitCode::kBadCommandLine, bad->reason);
  if (const auto* probe = std::get_if<ProbeCommand>(&command)) {
    // Not by return: a driver that was only asked need not be taken down.
    _exit(Probe(probe->backend));
  }
  Serve(std::get<ServeCommand>(command), frames);
}
