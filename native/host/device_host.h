// The process: reads frames and beats in one thread, opens the device and builds kernels in a second one, since a build can
// take seconds in which the heartbeat must go on, and serves each ring in one of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "gpubridge/backend.h"
#include "host/command_line.h"
#include "host/executor.h"
#include "host/frames.h"
#include "host/kernel_registry.h"
#include "host/mapped_region.h"

namespace gpubridge {

class DeviceHost {
 public:
  // `factory` and `command` outlive it.
  DeviceHost(const BackendFactory& factory, const ServeCommand& command, int frames);

  // The control thread: reads frames and beats until the frames end, the silo is gone or all rings were stopped; then ends the
  // process.
  [[noreturn]] void Control();

 private:
  // From now on this host's line says how it is.
  void TakeHostLine(std::uint32_t generation, HostState state);

  // Control thread.
  bool ReadFrames();
  void SetAtRest(bool is_at_rest);
  bool IsSiloGone() const;
  bool IsAllStopped();
  [[noreturn]] void End();
  bool EndExecutors();

  // Build thread.
  [[noreturn]] void Build();
  void Open();
  Frame NextFrame();
  void Handle(const Frame& frame);
  void LoadKernel(const Frame& frame);
  void AddLink(const Frame& frame);
  void Seal();
  void Serve(std::uint32_t generation);

  const BackendFactory& factory_;
  const ServeCommand& command_;
  const int frames_fd_;
  const MappedRegion mapped_;

  // Control thread only.
  FrameCutter cutter_;

  // From control to build thread.
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Frame> frames_;
  bool is_at_rest_ = false;  // No more input waits, and the last frame is complete.

  // Build thread only, but for the backend, which executors use too.
  std::unique_ptr<Backend> backend_;
  KernelRegistry kernels_;
  std::vector<LinkedText> links_;
  bool is_serving_ = false;
  bool is_standing_by_ = false;

  // Shared by all threads.
  std::atomic<bool> ending_{false};
  std::atomic<Backend*> opened_{nullptr};
  std::atomic<HostLine*> beating_{nullptr};  // Set when this host is the region's.
  std::mutex executors_mutex_;
  std::vector<std::unique_ptr<Executor>> executors_;
};

}  // namespace gpubridge
