// A silo in C++: makes a region, starts the real device-host program on it, and speaks its protocol. Every wait has a limit far
// beyond what it takes, and what was started is killed when the object goes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gpubridge/backend.h"
#include "gpubridge/region.h"
#include "gpubridge/ring.h"

namespace gpubridge::testing {

inline constexpr std::chrono::seconds kLimit{120};

// Numbers of the kernels of tests/libraries/test_kernels.cc.
enum TestKernel : std::uint32_t {
  kTriple = 1,
  kMarkScratch,
  kWaitForWord,
  kManyViolations,
  kWriteNowhere,
  kOverflowStack,
  kTripleGrid,
  kTripleGroups,
  kFillLists,
  kFillPairs,
};
inline constexpr std::initializer_list<TestKernel> kTestKernels = {
    kTriple,        kMarkScratch, kWaitForWord,  kManyViolations, kWriteNowhere,
    kOverflowStack, kTripleGrid,  kTripleGroups, kFillLists,      kFillPairs};

// Slots of a map of one input and one output.
inline constexpr const char* kMapInOut = "slot column 4 in 1 items 0\nslot column 4 out 1 items 0\n";

// Arguments of a host of the backend cpu on this region, and further ones.
std::vector<std::string> HostArguments(int region_fd, std::uint32_t generation, const std::vector<std::string>& more = {});

// Lines of a host, as they come.
class HostProcess {
 public:
  // Starts device-host; `inherited` stays open in it.
  explicit HostProcess(std::vector<std::string> arguments, int inherited = -1);
  ~HostProcess();
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;

  pid_t pid() const { return pid_; }
  static std::string FrameOf(std::string_view verb, std::string_view payload);
  void Send(std::string_view verb, std::string_view payload = {}) { SendRaw(FrameOf(verb, payload)); }
  void SendRaw(std::string_view bytes);
  void CloseInput();

  // The next line that begins with this verb; lines before it are kept in `lines`. Empty at the end of output.
  std::string Await(std::string_view verb);
  const std::vector<std::string>& lines() const { return lines_; }

  void Signal(int number) const;
  // From now on it can map only so much more.
  void LimitMemory(std::uint64_t bytes) const;
  bool HasEnded();
  // As waitpid tells.
  int AwaitEnd();
  // Reads what is left, and returns the exit code, or minus the signal.
  int AwaitCode();

 private:
  std::optional<std::string> NextLine();

  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  bool is_over_ = false;
  int status_ = 0;
  std::string unread_;
  std::vector<std::string> lines_;
};

struct SiloOptions {
  std::uint32_t rings = 1;
  std::uint32_t capacity = 8;
  std::uint64_t arena_bytes = 1 << 20;
  std::vector<std::string> arguments = {};  // Beyond those that every host gets.
};

class Silo {
 public:
  explicit Silo(SiloOptions options = {});
  ~Silo();
  Silo(const Silo&) = delete;
  Silo& operator=(const Silo&) = delete;

  const Region& region() const { return region_; }
  int region_fd() const { return region_fd_; }
  HostLine& host_line() const { return HostLineOf(region_); }
  SiloEnd<>& ring(std::uint32_t group = 0) { return rings_[group]; }
  HostProcess& host() { return *host_; }
  std::uint32_t generation() const { return generation_; }

  // Clears the rings for the next generation and starts a host for it.
  void Start();
  // Sends `go` and waits until it serves.
  void Go();
  // The start of a host with all kernels of the tests, serving.
  void Serve();

  // A kernel whose function is in tests/libraries/test_kernels.cc.
  static std::string KernelFrame(std::uint32_t number, std::string_view entry, std::string_view slots,
                                 std::string_view kind = "map");
  static std::string FrameOf(TestKernel kernel);
  void LoadTestKernels(std::initializer_list<TestKernel> kernels = kTestKernels);

  // Memory of the arena, 64-byte aligned, cleared; never freed. Returns its offset from the start of the region.
  std::uint64_t Allocate(std::uint64_t bytes);
  std::uint32_t* Words(std::uint64_t offset) const {
    return reinterpret_cast<std::uint32_t*>(region_.base + offset);
  }
  // An argument block of a map over columns of u32, each `items` long.
  std::uint64_t Block(std::uint32_t items, const std::vector<std::uint64_t>& columns);

  // An entry of this generation to run a kernel over all items of a block.
  Sqe Entry(std::uint32_t kernel, std::uint64_t block, std::uint32_t items, std::uint32_t group = 0) const;
  Cqe AwaitCompletion(std::uint32_t group = 0);
  Cqe Run(const Sqe& entry);

 private:
  SiloOptions options_;
  int region_fd_ = -1;
  Region region_;
  std::vector<SiloEnd<>> rings_;
  std::uint32_t generation_ = 0;
  std::uint64_t allocated_ = 0;
  std::unique_ptr<HostProcess> host_;
};

// Calls `is_done` until it is true; fails the test at the limit.
template <class Condition>
bool AwaitCondition(Condition is_done) {
  const auto begun = std::chrono::steady_clock::now();
  while (!is_done()) {
    if (std::chrono::steady_clock::now() - begun > kLimit) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace gpubridge::testing
