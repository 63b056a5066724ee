#include "host/probe.h"

#include <string>
#include <vector>

#include "host/process_end.h"
#include "host/report.h"

namespace gpubridge {
namespace {

constexpr const BackendFactory* kBackends[] = {
#ifdef GPUBRIDGE_BACKEND_CPU
    &kCpuBackend,
#endif
#ifdef GPUBRIDGE_BACKEND_OPENCL
    &kOpenClBackend,
#endif
};

std::string Names(std::initializer_list<std::pair<const char*, bool>> all) {
  std::string text;
  for (const auto& [name, has] : all)
    if (has) text.append(text.empty() ? "" : ",").append(name);
  return text;
}

void ReportDevice(std::size_t index, const Capabilities& has) {
  Report("device",
         {{"index", std::to_string(index)},
          {"name", has.name},
          {"type", has.type},
          {"driver", has.driver},
          {"executors", std::to_string(has.executors)},
          {"lanes", std::to_string(has.lanes)},
          {"coherent", has.host_coherent ? "true" : "false"},
          {"modes", Names({{"resident", has.resident}, {"leased", has.leased}, {"launched", has.launched}})},
          {"max_bytes", std::to_string(has.max_bytes)},
          {"offers", Names({{"f64", has.f64}, {"i64", true}, {"i64-atomics", has.i64_atomics}})}});
}

}  // namespace

const BackendFactory* FindBackend(std::string_view name) {
  for (const BackendFactory* backend : kBackends)
    if (name == backend->name) return backend;
  return nullptr;
}

int Probe(std::string_view name) {
  const BackendFactory* const backend = FindBackend(name);
  Failure absence;
  std::vector<Capabilities> devices;
  if (backend == nullptr)
    absence = "this device host has no backend '" + std::string(name) + "'";
  else
    devices = backend->probe(absence);
  for (std::size_t i = 0; i < devices.size(); i++) ReportDevice(i, devices[i]);
  if (!devices.empty()) return static_cast<int>(ExitCode::kAsAsked);
  Report("absent", {{"reason", absence}});
  return static_cast<int>(ExitCode::kUnavailable);
}

}  // namespace gpubridge
