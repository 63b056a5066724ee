// A silo and a device over one ring of four entries: a thread submits, and a linked loop runs on the first OpenCL device, over
// fine-grained memory that both use at once. The device is launched again whenever its lease has ended and there is more to do.
//
//   silo <program text> <build flags> <entry> <maxEmptyPolls> <maxEntries> <entries> <in flight>
//
// The loop runs, under number 7, a grid kernel with one parameter: an atomic array of u32. Prints element 0 of it, the
// completions, the leases, and the nanoseconds of an entry.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>

#include "gpubridge/ring.h"

using namespace gpubridge;

namespace {

constexpr std::uint32_t kCapacity = 4;
constexpr std::uint32_t kItems = 3;
constexpr std::uint32_t kGeneration = 9;
constexpr std::uint64_t kArena = 4096;
constexpr std::uint64_t kCounter = kArena + 128;
constexpr std::uint64_t kBytes = 8192;
constexpr std::chrono::hours kForEver{1};

void Fail(const char* what, int code = 0) {
  std::fprintf(stderr, "%s (%d)\n", what, code);
  std::_Exit(1);
}

void Check(cl_int code, const char* what) {
  if (code != CL_SUCCESS) Fail(what, code);
}

void RunSilo(const RingMemory<>& ring, std::uint32_t entries, std::uint32_t in_flight) {
  SiloEnd<> silo(ring);
  Sqe entry{};
  entry.op = static_cast<std::uint32_t>(Op::kRun);
  entry.kernel = 7;
  entry.generation = kGeneration;
  entry.params_low = kArena;
  entry.item_count = kItems;
  std::uint32_t submitted = 0;
  while (silo.reaped() != entries) {
    if (submitted != entries && silo.outstanding() < in_flight) {
      entry.user_data_low = submitted;
      entry.user_data_high = ~submitted;
      if (!silo.Submit(entry)) Fail("more in flight than the ring holds");
      ++submitted;
    }
    const std::uint32_t number = silo.reaped();
    Cqe completion;
    if (!silo.Reap(completion)) continue;
    if (completion.status != static_cast<std::uint32_t>(Status::kOk)) Fail("an entry failed", completion.status);
    if (completion.user_data_low != number || completion.user_data_high != ~number) Fail("out of order");
    if (completion.violations != 0 || completion.generation != kGeneration) Fail("wrong completion");
  }
  silo.RequestStop();
}

struct Device {
  cl_command_queue queue;
  cl_kernel kernel;
  std::uint8_t* memory;

  explicit Device(char** argv) {
    std::ifstream file(argv[1]);
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    cl_platform_id platform;
    cl_device_id device;
    cl_int code;
    Check(clGetPlatformIDs(1, &platform, nullptr), "clGetPlatformIDs");
    Check(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, nullptr), "clGetDeviceIDs");
    cl_context context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, &code);
    Check(code, "clCreateContext");
    queue = clCreateCommandQueueWithProperties(context, device, nullptr, &code);
    Check(code, "clCreateCommandQueueWithProperties");
    const char* source = text.c_str();
    cl_program program = clCreateProgramWithSource(context, 1, &source, nullptr, &code);
    Check(code, "clCreateProgramWithSource");
    Check(clBuildProgram(program, 1, &device, argv[2], nullptr, nullptr), "clBuildProgram");
    kernel = clCreateKernel(program, argv[3], &code);
    Check(code, "clCreateKernel");
    const cl_svm_mem_flags flags = CL_MEM_READ_WRITE | CL_MEM_SVM_FINE_GRAIN_BUFFER | CL_MEM_SVM_ATOMICS;
    memory = static_cast<std::uint8_t*>(clSVMAlloc(context, flags, kBytes, 0));
    if (memory == nullptr) Fail("clSVMAlloc");
    std::memset(memory, 0, kBytes);
    const cl_ulong wide[] = {kBytes, kArena};
    const cl_uint narrow[] = {static_cast<cl_uint>(RingBytes(kCapacity)), 0, static_cast<cl_uint>(std::atoll(argv[4])),
                              static_cast<cl_uint>(std::atoll(argv[5]))};
    Check(clSetKernelArgSVMPointer(kernel, 0, memory), "memory");
    Check(clSetKernelArg(kernel, 1, sizeof(cl_ulong), &wide[0]), "memoryBytes");
    Check(clSetKernelArg(kernel, 2, sizeof(cl_ulong), &wide[1]), "arenaOffset");
    Check(clSetKernelArgSVMPointer(kernel, 3, memory), "rings");
    for (cl_uint i = 0; i < 4; ++i) Check(clSetKernelArg(kernel, 4 + i, sizeof(cl_uint), &narrow[i]), "argument");
  }

  void Serve() const {
    const std::size_t one = 1;
    Check(clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &one, &one, 0, nullptr, nullptr), "launch");
    Check(clFinish(queue), "clFinish");
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) return 2;
  const Device device(argv);
  const auto entries = static_cast<std::uint32_t>(std::atoll(argv[6]));
  const auto in_flight = static_cast<std::uint32_t>(std::atoll(argv[7]));
  const RingMemory<> ring(device.memory, kCapacity);
  ring.Initialise(kGeneration);
  auto* block = reinterpret_cast<std::uint32_t*>(device.memory + kArena);
  block[0] = block[1] = kItems;
  block[2] = block[3] = 1;
  block[5] = 1;
  block[6] = kCounter;
  device.Serve();  // Makes its code; nothing is submitted yet.
  const auto begun = std::chrono::steady_clock::now();
  std::thread silo([&] { RunSilo(ring, entries, in_flight); });
  ExecutorEnd<> executor(ring);
  while (!executor.StopRequested()) {
    // Not parked: it had run as many entries as it may.
    executor.ContinueAt(executor.running());
    if (SharedWords::Load(ring.executor().parked) != 0) executor.Park(kForEver);
    device.Serve();
  }
  silo.join();
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begun;
  std::printf("%u %u %u %lld\n", *reinterpret_cast<std::uint32_t*>(device.memory + kCounter), ring.executor().running,
              ring.executor().leases, static_cast<long long>(took.count()) / entries);
  return 0;
}
