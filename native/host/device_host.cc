#include "host/device_host.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <utility>

#include "gpubridge/region.h"
#include "host/process_end.h"
#include "host/report.h"

namespace gpubridge {
namespace {

constexpr int kBeatMs = 20;
constexpr std::size_t kReadBytes = 256 * 1024;
// How long executors may take over the entries that they run when the process ends; what hangs longer is left to its fate. A silo
// that is there has a limit of its own, and kills.
constexpr std::chrono::milliseconds kEndWait{1'000};
constexpr std::chrono::milliseconds kEndWaitWithSilo{30'000};
constexpr std::chrono::milliseconds kEndLook{1};

std::string JoinNumbers(const std::vector<std::uint32_t>& numbers) {
  std::string text;
  for (const std::uint32_t number : numbers) text.append(text.empty() ? "" : ",").append(std::to_string(number));
  return text;
}

const char* NameOf(Mode mode) {
  switch (mode) {
    case Mode::kLeased:
      return "leased";
    case Mode::kLaunched:
      return "launched";
    default:
      return "resident";
  }
}

// What a parser made of a frame; a malformed one ends the process.
template <class T>
T Checked(std::variant<T, Failure> parsed) {
  if (const auto* wrong = std::get_if<Failure>(&parsed)) Die(ExitCode::kBadRegion, *wrong);
  return std::get<T>(std::move(parsed));
}

void StartThread(std::function<void()> body) {
  // Never joined: the process ends by _exit.
  try {
    std::thread(std::move(body)).detach();
  } catch (const std::system_error& error) {
    Die(ExitCode::kSystemFault, "no more threads", static_cast<std::uint32_t>(error.code().value()));
  }
}

}  // namespace

DeviceHost::DeviceHost(const BackendFactory& factory, const ServeCommand& command, int frames)
    : factory_(factory), command_(command), frames_fd_(frames), mapped_(command.region_fd) {
  if (command_.standby) return;
  // A standby's line belongs to the host that serves, until `go`.
  TakeHostLine(command_.generation, HostState::kStarting);
}

void DeviceHost::TakeHostLine(std::uint32_t generation, HostState state) {
  HostLine& line = HostLineOf(mapped_.region());
  std::atomic_ref(line.fault).store(0);
  std::atomic_ref(line.generation).store(generation);
  std::atomic_ref(line.state).store(static_cast<std::uint32_t>(state));
  NameHostLine(&line);
  beating_.store(&line);
}

void DeviceHost::Control() {
  StartThread([this] { Build(); });
  for (;;) {
    pollfd input{frames_fd_, POLLIN, 0};
    if (poll(&input, 1, 0) == 0) {
      SetAtRest(cutter_.IsBetweenFrames());
      if (poll(&input, 1, kBeatMs) < 0 && errno != EINTR) DieOfErrno(ExitCode::kSystemFault, "waiting for frames");
    }
    if (HostLine* const line = beating_.load()) std::atomic_ref(line->heartbeat).fetch_add(1, std::memory_order_relaxed);
    if (input.revents != 0 && !ReadFrames()) End();
    if (IsSiloGone() || IsAllStopped()) End();
  }
}

// False at the end of input.
bool DeviceHost::ReadFrames() {
  std::string bytes(kReadBytes, '\0');
  const ssize_t count = read(frames_fd_, bytes.data(), bytes.size());
  if (count < 0) {
    if (errno == EINTR || errno == EAGAIN) return true;
    DieOfErrno(ExitCode::kSystemFault, "reading frames");
  }
  if (count == 0) return false;
  bytes.resize(static_cast<std::size_t>(count));
  const std::lock_guard lock(mutex_);
  is_at_rest_ = false;
  if (const auto wrong = cutter_.Take(bytes, frames_)) Die(ExitCode::kBadRegion, *wrong);
  arrived_.notify_all();
  return true;
}

void DeviceHost::SetAtRest(bool is_at_rest) {
  const std::lock_guard lock(mutex_);
  is_at_rest_ = is_at_rest;
  arrived_.notify_all();
}

bool DeviceHost::IsSiloGone() const {
  return command_.silo_pid != 0 && getppid() != static_cast<pid_t>(command_.silo_pid);
}

bool DeviceHost::IsAllStopped() {
  const std::lock_guard lock(executors_mutex_);
  for (const auto& executor : executors_)
    if (!executor->IsDone()) return false;
  return !executors_.empty();
}

void DeviceHost::End() {
  using Clock = std::chrono::steady_clock;
  ending_.store(true);
  EndExecutors();
  // A driver may take its time over this, or not come back from it.
  StartThread([this] {
    if (Backend* const backend = opened_.load()) backend->Stop();
  });
  const Clock::time_point begun = Clock::now();
  while (!EndExecutors()) {
    const bool has_silo = command_.silo_pid != 0 && !IsSiloGone();
    if (Clock::now() - begun > (has_silo ? kEndWaitWithSilo : kEndWait)) break;
    std::this_thread::sleep_for(kEndLook);
  }
  EndAsAsked();
}

// Whether all have ended.
bool DeviceHost::EndExecutors() {
  const std::lock_guard lock(executors_mutex_);
  bool all_done = true;
  for (const auto& executor : executors_) {
    executor->EndSoon();
    all_done = all_done && executor->IsDone();
  }
  return all_done;
}

void DeviceHost::Build() {
  Open();
  for (;;) Handle(NextFrame());
}

void DeviceHost::Open() {
  Failure failure;
  OpenOptions options = command_.open;
  options.log = [](const std::string& text) { Log("warn", text); };
  backend_ = factory_.open(options, failure);
  if (backend_ == nullptr) Die(ExitCode::kUnavailable, failure);
  if (const auto wrong = backend_->Attach(mapped_.region())) Die(ExitCode::kDeviceFault, *wrong);
  opened_.store(backend_.get());
  const Capabilities& has = backend_->capabilities();
  Report("opened", {{"name", has.name},
                    {"mode", NameOf(ModeOf(has, command_.mode))},
                    {"coherent", has.host_coherent ? "true" : "false"},
                    {"executors", std::to_string(has.executors)},
                    {"lanes", std::to_string(has.lanes)}});
}

Frame DeviceHost::NextFrame() {
  std::unique_lock lock(mutex_);
  while (frames_.empty()) {
    kernels_.SetBusy(!is_at_rest_);
    if (command_.standby && is_at_rest_ && !is_serving_ && !is_standing_by_) {
      is_standing_by_ = true;
      lock.unlock();
      Report("standby");
      lock.lock();
    } else {
      arrived_.wait(lock);
    }
  }
  kernels_.SetBusy(true);
  Frame frame = std::move(frames_.front());
  frames_.pop_front();
  return frame;
}

void DeviceHost::Handle(const Frame& frame) {
  if (frame.verb == "kernel") return LoadKernel(frame);
  if (frame.verb == "link") return AddLink(frame);
  if (frame.verb == "seal" && frame.payload.empty()) return Seal();
  if (frame.verb == "go" && !is_serving_) return Serve(Checked(ParseGo(frame.payload)));
  Die(ExitCode::kBadRegion, "a frame '" + frame.verb + "' makes no sense here");
}

void DeviceHost::LoadKernel(const Frame& frame) {
  KernelText kernel = Checked(ParseKernel(frame.payload));
  const std::string number = std::to_string(kernel.number);
  const KernelText* const known = kernels_.Find(kernel.number);
  std::optional<Failure> wrong;
  if (kernel.number >= KernelTable<KernelText>::kNumbers)
    wrong = "kernel numbers end at " + std::to_string(KernelTable<KernelText>::kNumbers);
  else if (known != nullptr && (known->id != kernel.id || known->fingerprint != kernel.fingerprint))
    wrong = "the number is that of " + known->id;
  else if (known == nullptr)
    wrong = backend_->Load(kernel);

  if (wrong) {
    if (known == nullptr) kernels_.AddRefused(kernel.number);
    return Report("refused", {{"number", number}, {"log", *wrong}});
  }
  kernel.source = {};  // Nobody reads it again.
  if (known == nullptr) kernels_.AddBuilt(std::move(kernel));
  Report("kernel", {{"number", number}});
}

void DeviceHost::AddLink(const Frame& frame) { links_.push_back(Checked(ParseLink(frame.payload))); }

void DeviceHost::Seal() {
  const std::vector<LinkedText> links = std::exchange(links_, {});
  if (const auto wrong = backend_->Seal(links)) return Report("unsealed", {{"log", *wrong}});
  std::vector<std::uint32_t> resident;
  for (const LinkedText& link : links)
    for (const std::uint32_t number : link.kernels)
      if (backend_->IsResident(number)) resident.push_back(number);
  Report("sealed", {{"kernels", JoinNumbers(resident)}, {"cached", backend_->IsSealedFromCache() ? "true" : "false"}});
}

void DeviceHost::Serve(std::uint32_t generation) {
  is_serving_ = true;
  const Region& region = mapped_.region();
  CheckRings(region, generation);
  TakeHostLine(generation, HostState::kServing);
  const ServingOptions options{generation, ModeOf(backend_->capabilities(), command_.mode),
                               std::chrono::microseconds(command_.idle_park_us), command_.lease_entries};
  {
    const std::lock_guard lock(executors_mutex_);
    for (std::uint32_t group = 0; group < region.ring_count; group++) {
      executors_.push_back(std::make_unique<Executor>(mapped_, group, *backend_, kernels_, options, ending_));
      StartThread([executor = executors_.back().get()] { executor->Run(); });
    }
  }
  Report("serving", {{"generation", std::to_string(generation)}});
}

}  // namespace gpubridge
