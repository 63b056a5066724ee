#include "proof.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "command_wait.h"

namespace gpubridge::opencl {
namespace {

using Clock = std::chrono::steady_clock;

// Lines of 64 bytes per echo: word 0 the number of the question, 16 that of the answer, 32 the question, 48 the answer.
constexpr const char* kSource = R"(
inline uint gb_load(__global uint* word) {
  const uint value = *(volatile __global uint*)word;
  mem_fence(CLK_GLOBAL_MEM_FENCE);
  return value;
}
inline void gb_store(__global uint* word, uint value) {
  mem_fence(CLK_GLOBAL_MEM_FENCE);
  *(volatile __global uint*)word = value;
}
__kernel void gb_proof(__global uint* words, uint first, uint maxPolls) {
  __global uint* line = words + first;
  uint seen = 0;
  for (uint polls = 0; polls < maxPolls; ++polls) {
    const uint number = gb_load(line);
    if (number == seen) continue;
    if (number == 0xffffffffu) break;
    line[48] = line[32] * 2654435761u + number;
    gb_store(line + 16, number);
    seen = number;
    polls = 0;
  }
}
)";
constexpr std::uint32_t kEchoWords = 64;
constexpr std::uint32_t kStop = 0xffffffffu;
constexpr std::uint32_t kExchanges = 50;
// Polls that a kernel hears nothing before it gives up: some seconds.
constexpr std::uint32_t kMaxPolls = 4'000'000'000;
// Longer than that, and longer than a busy machine makes wait.
constexpr std::chrono::seconds kPatience{20};
constexpr std::size_t kPageBytes = 4096;

struct FreePages {
  void operator()(std::uint32_t* pages) const { std::free(pages); }
};

// Everything that a kernel may still touch when its proof failed: then it is not released.
struct Stage {
  std::unique_ptr<std::uint32_t[], FreePages> words;
  Buffer buffer;
  Program program;
  std::vector<Queue> queues;
  std::vector<Kernel> kernels;
  std::vector<Event> events;

  std::uint32_t* echo(std::size_t number) const { return words.get() + number * kEchoWords; }
};

bool AwaitWord(std::uint32_t* word, std::uint32_t value) {
  const Clock::time_point until = Clock::now() + kPatience;
  for (std::uint32_t polls = 1; std::atomic_ref(*word).load(std::memory_order_acquire) != value; ++polls) {
    if (Clock::now() > until) return false;
    // On few cores the kernel may need this one.
    if (polls % 256 == 0) std::this_thread::yield();
  }
  return true;
}

// Asks a running echo something and looks at the answer.
bool Exchange(std::uint32_t* echo, std::uint32_t number) {
  echo[32] = number * 7 + 3;
  std::atomic_ref(echo[0]).store(number, std::memory_order_seq_cst);
  return AwaitWord(echo + 16, number) && echo[48] == echo[32] * 2654435761u + number;
}

void StopEcho(const Stage& stage, std::size_t number) {
  std::atomic_ref(stage.echo(number)[0]).store(kStop, std::memory_order_seq_cst);
}

std::optional<Failure> SetArgumentsOf(cl_kernel kernel, const Stage& stage, std::size_t number) {
  const cl_mem words = stage.buffer.get();
  return SetArguments(kernel, 0, words, static_cast<cl_uint>(number * kEchoWords), cl_uint{kMaxPolls});
}

// A launch that is told to stop before it begins. Compiling is over then, which can take longer than all patience.
std::optional<Failure> WarmUp(const Session& session, const Stage& stage, cl_kernel kernel) {
  StopEcho(stage, 0);
  if (auto refused = SetArgumentsOf(kernel, stage, 0)) return refused;
  Failure failure;
  const Queue queue = MakeQueue(session, failure);
  if (!queue) return failure;
  std::optional<Failure> failed = RunToEnd(queue.get(), kernel, 1, 1, "kernel");
  stage.echo(0)[0] = 0;
  return failed;
}

std::optional<Failure> Start(const Session& session, Stage& stage, std::size_t number) {
  Failure failure;
  stage.queues.push_back(MakeQueue(session, failure));
  stage.kernels.push_back(MakeKernel(stage.program.get(), "gb_proof", failure));
  if (!stage.queues.back() || !stage.kernels.back()) return failure;
  if (auto refused = SetArgumentsOf(stage.kernels.back().get(), stage, number)) return refused;
  stage.events.push_back(Launch(stage.queues.back().get(), stage.kernels.back().get(), 1, 1, failure));
  if (!stage.events.back()) return failure;
  return std::nullopt;
}

// Whether a mapping of host memory is that memory.
bool MapsInPlace(const Session& session, const Stage& stage, Failure& failure) {
  const Queue queue = MakeQueue(session, failure);
  if (!queue) return false;
  cl_int error = CL_SUCCESS;
  void* mapped = Cl().EnqueueMapBuffer(queue.get(), stage.buffer.get(), CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0, kPageBytes, 0, nullptr,
                                       nullptr, &error);
  if (error != CL_SUCCESS) return false;
  Cl().EnqueueUnmapMemObject(queue.get(), stage.buffer.get(), mapped, 0, nullptr, nullptr);
  Cl().Finish(queue.get());
  return mapped == stage.words.get();
}

// One kernel alone exchanges words with the host; then as many as could be resident at once, and one more beside them
// that is ordinary: it ends.
Proof ProveOn(const Session& session, Stage& stage) {
  Proof proof;
  const std::uint32_t most = MostResident(session.device);
  const std::size_t bytes = (std::max(most, 1u) + 1) * kEchoWords * sizeof(std::uint32_t);
  const std::size_t rounded = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  stage.words.reset(static_cast<std::uint32_t*>(std::aligned_alloc(kPageBytes, rounded)));
  std::fill_n(stage.words.get(), rounded / sizeof(std::uint32_t), 0u);
  stage.buffer = MakeBuffer(session, rounded, stage.words.get(), proof.doubt);
  if (!stage.buffer) return proof;
  if (!MapsInPlace(session, stage, proof.doubt)) {
    proof.doubt = "the driver copies the host's memory";
    return proof;
  }
  const auto warm_up = [&](cl_kernel kernel) { return WarmUp(session, stage, kernel); };
  stage.program = session.programs.FromSource({kSource, "", "proof", "gb_proof"}, warm_up, proof.doubt);
  if (!stage.program) return proof;

  const std::uint32_t echoes = std::max(most, 1u);
  for (std::uint32_t i = 0; i < echoes; ++i) {
    if (auto failure = Start(session, stage, i)) {
      proof.doubt = *failure;
      return proof;
    }
    if (!Exchange(stage.echo(i), 1)) {
      proof.doubt = i == 0 ? "a running kernel and the host do not see each other's writes"
                           : "only " + std::to_string(i) + " of " + std::to_string(echoes) + " kernels run beside each other";
      return proof;
    }
  }
  for (std::uint32_t number = 2; number <= kExchanges; ++number) {
    for (std::uint32_t i = 0; i < echoes; ++i) {
      if (!Exchange(stage.echo(i), number)) {
        proof.doubt = "a running kernel stopped answering";
        return proof;
      }
    }
  }
  proof.coherent = true;
  if (most == 0) {
    proof.doubt = "one compute unit: a resident kernel would leave none for others";
  } else if (StopEcho(stage, echoes); Start(session, stage, echoes) || !AwaitEndFor(stage.events.back().get(), kPatience)) {
    proof.doubt = "no other kernel runs while one is resident";
  } else {
    proof.resident = true;
  }
  return proof;
}

// Ends what runs; false where something does not end.
bool Clear(const Stage& stage) {
  if (stage.words == nullptr) return true;
  for (std::size_t i = 0; i < stage.events.size(); ++i) StopEcho(stage, i);
  return std::all_of(stage.events.begin(), stage.events.end(),
                     [](const Event& event) { return !event || AwaitEndFor(event.get(), kPatience); });
}

std::string KeyOf(const DeviceFacts& device) {
  return "proof 1\nunits " + std::to_string(device.compute_units) + "\ndevice " + device.name + "\ndriver " + device.driver;
}

}  // namespace

std::uint32_t MostResident(const DeviceFacts& device) {
  // A processor runs one group per unit. Elsewhere one group takes a share of the device that nobody tells: one, to be safe.
  if (device.is_cpu()) return device.compute_units - 1;
  return device.compute_units > 1 ? 1 : 0;
}

Proof Prove(const Session& session) {
  if (!session.device.promises_concurrent_access) {
    return {false, false, "the driver does not offer fine-grained shared memory with atomics"};
  }
  const std::string key = KeyOf(session.device);
  // Only what holds is kept: a doubt may have been the load of a moment.
  if (session.cache.Has(key)) {
    const std::optional<Bytes> kept = session.cache.Read(key);
    if (kept && *kept == Bytes{1, 1}) return {true, true, ""};
  }
  auto stage = std::make_unique<Stage>();
  Proof proof = ProveOn(session, *stage);
  if (!Clear(*stage)) {
    proof.resident = false;
    proof.doubt = "a kernel did not end";
    static_cast<void>(stage.release());
  }
  if (proof.coherent && proof.resident) session.cache.Write(key, {1, 1});
  return proof;
}

}  // namespace gpubridge::opencl
