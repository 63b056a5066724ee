#include "host/silo.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>
#include <thread>

namespace gpubridge::testing {
namespace {

using Clock = std::chrono::steady_clock;

void Must(bool is_good, const char* what) {
  if (!is_good) throw std::runtime_error(std::string(what) + ": " + std::to_string(errno));
}

}  // namespace

std::vector<std::string> HostArguments(int region_fd, std::uint32_t generation, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"--backend",   "cpu", "--device", "0", "--region-fd", std::to_string(region_fd),
                                        "--generation", std::to_string(generation)};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

HostProcess::HostProcess(std::vector<std::string> arguments, int inherited) {
  signal(SIGPIPE, SIG_IGN);
  int in[2];
  int out[2];
  Must(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe");
  std::vector<char*> words{const_cast<char*>(GPUBRIDGE_DEVICE_HOST)};
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  pid_ = fork();
  Must(pid_ >= 0, "fork");
  if (pid_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    if (inherited >= 0) fcntl(inherited, F_SETFD, 0);
    execv(GPUBRIDGE_DEVICE_HOST, words.data());
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  output_ = out[0];
}

HostProcess::~HostProcess() {
  CloseInput();
  if (!is_over_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(output_);
}

void HostProcess::SendRaw(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(input_, bytes.data(), bytes.size());
    if (written <= 0) return;  // It has ended; whoever waits for its answer will see that.
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string HostProcess::FrameOf(std::string_view verb, std::string_view payload) {
  return std::string(verb) + " " + std::to_string(payload.size()) + "\n" + std::string(payload);
}

void HostProcess::CloseInput() {
  if (input_ >= 0) close(input_);
  input_ = -1;
}

std::optional<std::string> HostProcess::NextLine() {
  const Clock::time_point begun = Clock::now();
  for (;;) {
    const std::size_t end = unread_.find('\n');
    if (end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      lines_.push_back(line);
      return line;
    }
    pollfd readable{output_, POLLIN, 0};
    if (Clock::now() - begun > kLimit) throw std::runtime_error("the host says nothing");
    if (poll(&readable, 1, 1'000) <= 0) continue;
    char bytes[4096];
    const ssize_t count = read(output_, bytes, sizeof bytes);
    if (count <= 0) return std::nullopt;
    unread_.append(bytes, static_cast<std::size_t>(count));
  }
}

std::string HostProcess::Await(std::string_view verb) {
  while (const auto line = NextLine())
    if (line->starts_with(std::string(verb) + " ") || *line == verb) return *line;
  return "";
}

void HostProcess::LimitMemory(std::uint64_t bytes) const {
  std::uint64_t pages = 0;
  std::ifstream("/proc/" + std::to_string(pid_) + "/statm") >> pages;
  const std::uint64_t most = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) + bytes;
  const rlimit limit{most, most};
  Must(pages != 0 && prlimit(pid_, RLIMIT_AS, &limit, nullptr) == 0, "limit");
}

void HostProcess::Signal(int number) const { kill(pid_, number); }

bool HostProcess::HasEnded() {
  is_over_ = is_over_ || waitpid(pid_, &status_, WNOHANG) == pid_;
  return is_over_;
}

int HostProcess::AwaitEnd() {
  const Clock::time_point begun = Clock::now();
  while (!HasEnded()) {
    if (Clock::now() - begun > kLimit) throw std::runtime_error("the host does not end");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return status_;
}

int HostProcess::AwaitCode() {
  while (NextLine()) {
  }
  const int status = AwaitEnd();
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Silo::Silo(SiloOptions options) : options_(std::move(options)) {
  region_fd_ = memfd_create("gpubridge-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  const std::uint64_t bytes = RegionBytes(options_.rings, options_.capacity, options_.arena_bytes);
  Must(region_fd_ >= 0 && ftruncate(region_fd_, static_cast<off_t>(bytes)) == 0, "memfd");
  Must(fcntl(region_fd_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0, "seals");
  void* const base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, region_fd_, 0);
  Must(base != MAP_FAILED, "mmap");
  region_ = InitialiseRegion(static_cast<std::uint8_t*>(base), options_.rings, options_.capacity, options_.arena_bytes, 0);
}

Silo::~Silo() {
  host_.reset();
  munmap(region_.base, region_.bytes);
  close(region_fd_);
}

void Silo::Start() {
  generation_++;
  rings_.clear();
  for (std::uint32_t group = 0; group < region_.ring_count; group++) {
    RingOf(region_, group).Initialise(generation_);
    rings_.emplace_back(RingOf(region_, group));
  }
  host_ = std::make_unique<HostProcess>(HostArguments(region_fd_, generation_, options_.arguments), region_fd_);
}

void Silo::Go() {
  host_->Send("go", std::to_string(generation_));
  EXPECT_EQ(host_->Await("serving"), "serving generation=" + std::to_string(generation_));
}

void Silo::Serve() {
  Start();
  LoadTestKernels();
  Go();
}

std::string Silo::KernelFrame(std::uint32_t number, std::string_view entry, std::string_view slots, std::string_view kind) {
  return "number " + std::to_string(number) + "\nid test/" + std::string(entry) + "@0\nkind " + std::string(kind) +
         "\nentry " + std::string(entry) + "\nflags\nlibrary " + GPUBRIDGE_TEST_KERNELS + "\nfingerprint 0\n" +
         std::string(slots) + "\n";
}

std::string Silo::FrameOf(TestKernel kernel) {
  constexpr const char* kGridInOut = "slot column 4 in 0 items 0\nslot column 4 out 0 items 0\n";
  switch (kernel) {
    case kTriple:
      return KernelFrame(kernel, "triple", kMapInOut);
    case kMarkScratch:
      return KernelFrame(kernel, "mark_scratch", "slot scratch 4 inout 0 items 0\n");
    case kWaitForWord:
      return KernelFrame(kernel, "wait_for_word", "slot column 4 in 1 items 0\n");
    case kManyViolations:
      return KernelFrame(kernel, "many_violations", "");
    case kWriteNowhere:
      return KernelFrame(kernel, "write_nowhere", "");
    case kOverflowStack:
      return KernelFrame(kernel, "overflow_stack", "");
    case kTripleGrid:
      return KernelFrame(kernel, "triple_grid", kGridInOut, "grid");
    case kTripleGroups:
      return KernelFrame(kernel, "triple_grid", kGridInOut, "grid\nworkgroup 8 2 1");
    case kFillLists:
      return KernelFrame(kernel, "fill_lists", "slot counts 4 out 1 items 0\nslot column 4 out 3 items 0\n");
    case kFillPairs:
      return KernelFrame(kernel, "fill_pairs",
                         "slot column 4 out 0 items 0\nslot column 4 out 1 0 0\nslot workspace 4 inout 0 items 16\n", "grid");
  }
  throw std::runtime_error("no such kernel");
}

void Silo::LoadTestKernels(std::initializer_list<TestKernel> kernels) {
  for (const TestKernel kernel : kernels) host_->Send("kernel", FrameOf(kernel));
}

std::uint64_t Silo::Allocate(std::uint64_t bytes) {
  const std::uint64_t offset = allocated_;
  allocated_ += (bytes + 63) / 64 * 64;
  if (allocated_ > region_.arena_bytes) throw std::runtime_error("the test's arena is full");
  return region_.arena_offset + offset;
}

std::uint64_t Silo::Block(std::uint32_t items, const std::vector<std::uint64_t>& columns) {
  const std::uint64_t block = Allocate(16 * (1 + columns.size()));
  std::uint32_t* words = Words(block);
  words[0] = words[1] = items;
  words[2] = words[3] = 1;
  for (const std::uint64_t column : columns) {
    words += 4;
    words[1] = items;
    words[2] = static_cast<std::uint32_t>(column);
    words[3] = static_cast<std::uint32_t>(column >> 32);
  }
  return block;
}

Sqe Silo::Entry(std::uint32_t kernel, std::uint64_t block, std::uint32_t items, std::uint32_t group) const {
  Sqe entry{};
  entry.op = static_cast<std::uint32_t>(Op::kRun);
  entry.kernel = kernel;
  entry.generation = generation_;
  entry.params_low = static_cast<std::uint32_t>(block);
  entry.params_high = static_cast<std::uint32_t>(block >> 32);
  entry.item_count = items;
  entry.group = group;
  return entry;
}

Cqe Silo::AwaitCompletion(std::uint32_t group) {
  const Clock::time_point begun = Clock::now();
  Cqe completion{};
  while (!ring(group).Reap(completion)) {
    if (Clock::now() - begun > kLimit) throw std::runtime_error("no completion");
    ring(group).Park(std::chrono::milliseconds(100));
  }
  return completion;
}

Cqe Silo::Run(const Sqe& entry) {
  Must(ring(entry.group < region_.ring_count ? entry.group : 0).Submit(entry), "the ring is full");
  return AwaitCompletion(entry.group < region_.ring_count ? entry.group : 0);
}

}  // namespace gpubridge::testing
