// OpenCL devices.
#include <algorithm>
#include <mutex>

#include "launcher.h"
#include "loaded_kernels.h"
#include "proof.h"
#include "resident_form.h"
#include "session.h"

namespace gpubridge {
namespace {

using namespace opencl;

Capabilities CapabilitiesOf(const DeviceFacts& device, const Proof& proof) {
  Capabilities can;
  can.name = device.name;
  can.type = device.type;
  can.driver = device.driver;
  can.executors = proof.coherent ? std::max(MostResident(device), 1u) : 1;
  can.lanes = FreeGroupSize(device);
  can.max_bytes = device.max_allocation;
  can.host_coherent = proof.coherent;
  can.resident = proof.resident;
  can.leased = proof.resident;
  can.launched = true;
  can.f64 = device.f64;
  can.i64_atomics = device.i64_atomics;
  return can;
}

class OpenClBackend final : public Backend {
 public:
  OpenClBackend(std::unique_ptr<Session> session, const Proof& proof)
      : session_(std::move(session)), capabilities_(CapabilitiesOf(session_->device, proof)), kernels_(*session_) {}

  const Capabilities& capabilities() const override { return capabilities_; }

  std::optional<Failure> Attach(const Region& region) override {
    if (region.bytes > capabilities_.max_bytes) return TooLarge(region);
    // Each would copy out what the others have not finished.
    if (!capabilities_.host_coherent && region.ring_count > 1) return "a device with memory of its own has one executor";
    region_ = region;
    kernels_.SetWarmUp(region.ring_count <= MostResident(session_->device));
    Failure failure;
    memory_ = MakeBuffer(*session_, region.bytes, capabilities_.host_coherent ? region.base : nullptr, failure);
    if (!memory_) return failure;
    if (capabilities_.host_coherent) {
      const cl_buffer_region part{region.rings_offset, region.ring_bytes * region.ring_count};
      cl_int error = CL_SUCCESS;
      rings_ = Buffer(Cl().CreateSubBuffer(memory_.get(), CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &part, &error));
      if (error != CL_SUCCESS) return ErrorText("clCreateSubBuffer", error);
    }
    for (std::uint32_t group = 0; group < region.ring_count; ++group) {
      launchers_.push_back(Launcher::Create(*session_, kernels_, region, memory_.get(), capabilities_.host_coherent, failure));
      if (launchers_.back() == nullptr) return failure;
    }
    return std::nullopt;
  }

  std::optional<Failure> Load(const KernelText& kernel) override { return kernels_.Load(kernel); }

  std::optional<Failure> Seal(std::span<const LinkedText> linked) override {
    if (!capabilities_.resident) return "the device has no resident form";
    // What an executor does not run resident it launches, and has left its resident kernel then: as many as are proven to run
    // side by side are enough.
    const std::uint32_t most = MostResident(session_->device) + 1;
    if (region_.ring_count > most) {
      return std::to_string(region_.ring_count) + " executors, and " + std::to_string(most) + " kernels that run side by side";
    }
    Failure failure;
    std::shared_ptr<const ResidentForm> form = ResidentForm::Build(*session_, linked, region_, memory_.get(), rings_.get(), failure);
    if (form == nullptr) return failure;
    const std::lock_guard lock(form_mutex_);
    form_ = std::move(form);
    return std::nullopt;
  }

  bool IsSealedFromCache() const override {
    const std::shared_ptr<const ResidentForm> form = Form();
    return form != nullptr && form->is_from_cache();
  }

  bool IsResident(std::uint32_t kernel) const override {
    const std::shared_ptr<const ResidentForm> form = Form();
    return form != nullptr && form->Runs(kernel);
  }

  Outcome Run(const Sqe& entry) override {
    if (entry.group >= launchers_.size()) return {Status::kBadRange, 0};
    return launchers_[entry.group]->Run(entry);
  }

  LeaseEnd Serve(std::uint32_t group, const LeaseLimits& limits) override {
    const std::shared_ptr<const ResidentForm> form = Form();
    return form == nullptr ? LeaseEnd::kForeign : form->Serve(group, limits);
  }

  // A resident kernel sees the stop word itself; nothing else reaches it.
  void Stop() override {}

 private:
  Failure TooLarge(const Region& region) const {
    constexpr std::uint64_t kMiB = 1 << 20;
    return "region of " + std::to_string(region.bytes / kMiB) + " MiB, device allows " + std::to_string(capabilities_.max_bytes / kMiB) +
           "; lower native.opencl.arenaMiB";
  }

  std::shared_ptr<const ResidentForm> Form() const {
    const std::lock_guard lock(form_mutex_);
    return form_;
  }

  const std::unique_ptr<Session> session_;
  const Capabilities capabilities_;
  LoadedKernels kernels_;
  Region region_;
  Buffer memory_;
  Buffer rings_;
  std::vector<std::unique_ptr<Launcher>> launchers_;
  mutable std::mutex form_mutex_;
  std::shared_ptr<const ResidentForm> form_;
};

std::unique_ptr<Session> OpenSession(DeviceFacts device, const std::string& cache_folder, Log log, Failure& failure) {
  Context context = MakeContext(device, failure);
  if (!context) return nullptr;
  std::string refusal;
  if (log == nullptr) log = [](const std::string&) {};
  auto session = std::make_unique<Session>(std::move(device), std::move(context), cache_folder, std::move(log), refusal);
  if (!refusal.empty()) session->log(refusal);
  return session;
}

std::vector<Capabilities> Probe(Failure& absence) {
  std::vector<Capabilities> found;
  for (DeviceFacts& device : ListDevices(absence)) {
    Failure failure;
    const std::unique_ptr<Session> session = OpenSession(device, "", nullptr, failure);
    if (session == nullptr) {
      absence = device.name + ": " + failure;
      continue;
    }
    found.push_back(CapabilitiesOf(device, Prove(*session)));
  }
  return found;
}

std::unique_ptr<Backend> Open(const OpenOptions& options, Failure& failure) {
  KeepPoclCacheIn(options.cache_folder);
  const std::vector<DeviceFacts> devices = ListDevices(failure);
  if (devices.empty()) return nullptr;
  if (options.device >= devices.size()) {
    failure = "no OpenCL device " + std::to_string(options.device) + ": there are " + std::to_string(devices.size());
    return nullptr;
  }
  std::unique_ptr<Session> session = OpenSession(devices[options.device], options.cache_folder, options.log, failure);
  if (session == nullptr) return nullptr;
  Proof proof;
  if (!options.force_incoherent) {
    proof = Prove(*session);
    if (!proof.doubt.empty()) session->log("not resident: " + proof.doubt);
  }
  return std::make_unique<OpenClBackend>(std::move(session), proof);
}

}  // namespace

const BackendFactory kOpenClBackend{"opencl", Probe, Open};

}  // namespace gpubridge
