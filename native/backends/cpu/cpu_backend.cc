// Processor cores through kernels that were compiled to shared objects. The host's executor threads are the resident loops.
#include <dlfcn.h>
#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <thread>

#include "gpubridge/argument_block.h"
#include "gpubridge/backend.h"
#include "gpubridge/kernel_table.h"

namespace gpubridge {
namespace {

// The `cpp` artifact of packages/abstractions/src/kernels/descriptor.ts.
using KernelEntry = std::int32_t (*)(std::uint8_t* memory, std::uint64_t argument_block, std::uint32_t first,
                                     std::uint32_t count, std::uint32_t group);

std::uint32_t UsableCores() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return static_cast<std::uint32_t>(CPU_COUNT(&cores));
  return std::max(1u, std::thread::hardware_concurrency());
}

std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "processor";  // Where /proc/cpuinfo names none, as on arm64.
}

Capabilities Describe() {
  utsname system{};
  uname(&system);
  Capabilities has;
  has.name = ProcessorName();
  has.type = "cpu";
  has.driver = system.machine;
  has.executors = UsableCores();
  has.host_coherent = true;
  has.resident = true;
  has.private_blocks = true;
  has.f64 = true;
  has.i64_atomics = true;
  return has;
}

class CpuBackend : public Backend {
 public:
  const Capabilities& capabilities() const override { return capabilities_; }

  std::optional<Failure> Attach(const Region& region) override {
    memory_ = region.base;
    return std::nullopt;
  }

  std::optional<Failure> Load(const KernelText& kernel) override {
    // A path without a folder would be looked for where the system keeps its libraries.
    if (!kernel.library.starts_with('/')) return "'" + kernel.library + "' is no absolute path of a shared object";
    // Never closed: an entry may run while the host ends.
    void* const library = dlopen(kernel.library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return dlerror();
    void* const entry = dlsym(library, kernel.entry.c_str());
    if (entry == nullptr) return "no function '" + kernel.entry + "' in " + kernel.library;
    entries_.Add(kernel.number, reinterpret_cast<KernelEntry>(entry));
    return std::nullopt;
  }

  std::optional<Failure> Seal(std::span<const LinkedText> linked) override {
    if (linked.empty()) return std::nullopt;
    return "resident loops are the host's own on processor cores";
  }

  bool IsResident(std::uint32_t) const override { return false; }

  Outcome Run(const Sqe& entry) override {
    const KernelEntry* const kernel = entries_.Find(entry.kernel);
    if (kernel == nullptr) return {Status::kUnknownKernel};
    const std::int32_t violations = (*kernel)(memory_, ParamsOf(entry), entry.first_item, entry.item_count, entry.group);
    if (violations < 0) return {Status::kOk, std::numeric_limits<std::uint32_t>::max()};
    return {Status::kOk, static_cast<std::uint32_t>(violations)};
  }

  LeaseEnd Serve(std::uint32_t, const LeaseLimits&) override { return LeaseEnd::kForeign; }

  void Stop() override {}

 private:
  const Capabilities capabilities_ = Describe();
  std::uint8_t* memory_ = nullptr;
  KernelTable<KernelEntry> entries_;
};

std::vector<Capabilities> Probe(Failure&) { return {Describe()}; }

std::unique_ptr<Backend> Open(const OpenOptions& options, Failure& failure) {
  if (options.device == 0) return std::make_unique<CpuBackend>();
  failure = "there is one processor: device 0";
  return nullptr;
}

}  // namespace

const BackendFactory kCpuBackend = {"cpu", Probe, Open};

}  // namespace gpubridge
