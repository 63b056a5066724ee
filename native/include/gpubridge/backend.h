// What a compute API is to the device host. A backend executes and reports; rings, checks of entries, parking, heartbeats and
// frames are the host's. See native/README.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gpubridge/generated/ring_abi.h"

namespace gpubridge {

// What a device can do, declared after a probe and never discovered by a failing call.
struct Capabilities {
  std::string name;
  std::string type;    // "cpu", "gpu", "accelerator".
  std::string driver;  // Platform and version; program binaries depend on it.
  std::uint32_t executors = 1;  // Independent consumers that the device should be given.
  std::uint32_t lanes = 1;      // Scratch regions per executor.
  std::uint64_t max_bytes = 0;  // Largest region it can reach; 0: no limit.
  bool host_coherent = false;   // Host and device see each other's writes while a kernel runs.
  bool resident = false;        // Serve() without a limit of entries is safe: no watchdog, proven progress.
  bool leased = false;          // Serve() works.
  bool launched = false;        // Run() works.
  bool private_blocks = false;  // Run may be given a copy of the argument block behind the region, at an offset from its base.
  bool f64 = false;
  bool i64_atomics = false;
};

// Memory that silo and host share; see native/README.md "Region".
struct Region {
  std::uint8_t* base = nullptr;
  std::uint64_t bytes = 0;
  std::uint64_t rings_offset = 0;
  std::uint64_t ring_bytes = 0;
  std::uint32_t ring_count = 0;
  std::uint32_t ring_capacity = 0;
  std::uint64_t arena_offset = 0;
  std::uint64_t arena_bytes = 0;

  std::uint8_t* ring(std::uint32_t group) const { return base + rings_offset + group * ring_bytes; }
};

enum class SlotPart : std::uint8_t { kColumn, kOffsets, kCounts, kScratch, kWorkspace, kUniform };
enum class SlotAccess : std::uint8_t { kIn, kOut, kInOut };

// Elements that a slot must have: at least `times * of + plus`, where `of` is the items of the block, or the elements of an
// earlier slot.
struct LeastLength {
  static constexpr std::uint32_t kItems = ~0u;

  std::uint32_t times = 0;
  std::uint32_t of = kItems;  // Or the index of a slot.
  std::uint32_t plus = 0;
};

struct SlotLayout {
  SlotPart part;
  std::uint32_t element_bytes;
  SlotAccess access;
  LeastLength least = {};
};

// A kernel frame.
struct KernelText {
  std::uint32_t number = 0;
  std::string id;
  bool is_grid = false;
  std::uint32_t workgroup[3] = {0, 0, 0};  // Zeros: none.
  std::string entry;
  std::string flags;
  std::string library;      // Path of a shared object, or empty.
  std::string fingerprint;  // Hash of source and flags, hex.
  std::vector<SlotLayout> slots;
  std::string source;
};

// A link frame: a resident loop over several kernels.
struct LinkedText {
  std::string entry;
  std::string flags;
  std::vector<std::uint32_t> kernels;
  std::uint32_t group_size = 0;  // 0: any.
  std::uint32_t shared_bytes = 0;
  std::string fingerprint;
  std::string source;
};

struct OpenOptions {
  std::uint32_t device = 0;
  std::string cache_folder;  // Empty: no cache.
  bool force_incoherent = false;
  std::function<void(const std::string& text)> log;  // For the silo's log; called on any thread. Empty: nobody listens.
};

// How an entry ended on the device.
struct Outcome {
  Status status = Status::kOk;
  std::uint32_t violations = 0;
  bool device_lost = false;  // Nothing will run on it any more: the host ends with exit code 70.
};

// How far a lease may go.
struct LeaseLimits {
  std::uint64_t idle_ns = 0;      // Time without an entry.
  std::uint32_t entries = 0;      // Most entries; 0: no limit (resident).
};

enum class LeaseEnd : std::uint8_t {
  kIdle,     // Too long without an entry; the ring says that the executor is parked.
  kEntries,  // All the entries it was given.
  kForeign,  // The next entry is none for the resident form.
  kStopped,  // The stop word is set and the queue empty.
  kFailed,   // The device failed; the host ends with exit code 70.
};

// Why something did not work, for people: a build log, a driver's error.
using Failure = std::string;

// One device of one compute API. Attach, Load and Seal are called by one thread, Run and Serve by executor threads: Load may
// run at the same time as Run and Serve of other kernels. In a standby, Attach, Load and Seal happen while another host serves
// the region: they may not write to it. What may not be called while a kernel is resident, a backend does in
// Seal (the sealed phase), and between leases.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual const Capabilities& capabilities() const = 0;

  // Makes the region reachable. Once, before everything else.
  virtual std::optional<Failure> Attach(const Region& region) = 0;

  // Builds a kernel for Run.
  virtual std::optional<Failure> Load(const KernelText& kernel) = 0;

  // Builds and warms the resident forms, so that Serve can begin at once; replaces those of the last call.
  virtual std::optional<Failure> Seal(std::span<const LinkedText> linked) = 0;

  // Whether the last Seal found all that it built in the cache.
  virtual bool IsSealedFromCache() const { return false; }

  // Whether Serve runs this kernel. Called for every entry.
  virtual bool IsResident(std::uint32_t kernel) const = 0;

  // Runs one checked entry and returns when its results are visible to the host. Blocks the calling thread.
  virtual Outcome Run(const Sqe& entry) = 0;

  // Lets a resident kernel consume the ring of `group`, whose next entry is for it, until the lease ends. Blocks.
  virtual LeaseEnd Serve(std::uint32_t group, const LeaseLimits& limits) = 0;

  // Asks a running Serve of any group to end soon, as far as the API can; the stop word of the ring is set already.
  virtual void Stop() = 0;
};

// A compute API.
struct BackendFactory {
  const char* name;
  // Devices that could be opened now, or why there are none. Proves what it declares.
  std::vector<Capabilities> (*probe)(Failure& absence);
  std::unique_ptr<Backend> (*open)(const OpenOptions& options, Failure& failure);
};

extern const BackendFactory kCpuBackend;
extern const BackendFactory kOpenClBackend;

}  // namespace gpubridge
