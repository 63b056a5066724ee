// Figures of the machine itself, without this library: what its own round trips are compared with. One line each,
// `NAME SAMPLES P50_NS`.
//
//   round-trips ping-pong       a word between two threads over two cache lines
//   round-trips launch-finish   an OpenCL launch of 64 items, then clFinish (only where built with HAVE_OPENCL)
#ifdef HAVE_OPENCL
#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kWindows = 10;

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << what << '\n';
  std::exit(1);
}

/** Prints the median of the best of ten windows of `samples` calls. */
template <typename Call>
void Measure(const std::string& name, int samples, Call call) {
  double best = 0;
  for (int i = 0; i < samples; i++) call();
  for (int window = 0; window < kWindows; window++) {
    std::vector<double> ns(static_cast<std::size_t>(samples));
    for (double& one : ns) {
      const auto start = std::chrono::steady_clock::now();
      call();
      one = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
    }
    std::nth_element(ns.begin(), ns.begin() + samples / 2, ns.end());
    const double median = ns[static_cast<std::size_t>(samples / 2)];
    if (window == 0 || median < best) best = median;
  }
  std::cout << name << ' ' << kWindows * samples << ' ' << best << std::endl;
}

void PingPong() {
  alignas(64) static std::atomic<std::uint32_t> ping{0};
  alignas(64) static std::atomic<std::uint32_t> pong{0};
  static std::atomic<bool> stop{false};
  std::thread echo([] {
    for (std::uint32_t seen = 0; !stop.load(std::memory_order_relaxed);) {
      const std::uint32_t now = ping.load(std::memory_order_acquire);
      if (now == seen) continue;
      seen = now;
      pong.store(now, std::memory_order_release);
    }
  });
  std::uint32_t number = 0;
  Measure("ping-pong", 20'000, [&] {
    ping.store(++number, std::memory_order_release);
    while (pong.load(std::memory_order_acquire) != number) {
    }
  });
  stop = true;
  echo.join();
}

#ifdef HAVE_OPENCL
void Check(cl_int code, const std::string& what) {
  if (code != CL_SUCCESS) Fail(what + ": OpenCL error " + std::to_string(code));
}

void LaunchFinish() {
  cl_platform_id platforms[16];
  cl_uint count = 0;
  Check(clGetPlatformIDs(16, platforms, &count), "clGetPlatformIDs");
  cl_device_id device = nullptr;
  for (cl_uint i = 0; i < count && i < 16 && device == nullptr; i++)
    if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &device, nullptr) != CL_SUCCESS) device = nullptr;
  if (device == nullptr) Fail("no OpenCL device");
  cl_int code;
  cl_context context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, &code);
  Check(code, "clCreateContext");
  cl_command_queue queue = clCreateCommandQueueWithProperties(context, device, nullptr, &code);
  Check(code, "clCreateCommandQueueWithProperties");
  const char* text =
      "kernel void axpy(float a, global const float* x, global float* y) {"
      "  size_t i = get_global_id(0); y[i] = a * x[i] + 1; }";
  cl_program program = clCreateProgramWithSource(context, 1, &text, nullptr, &code);
  Check(code, "clCreateProgramWithSource");
  Check(clBuildProgram(program, 1, &device, "", nullptr, nullptr), "clBuildProgram");
  cl_kernel kernel = clCreateKernel(program, "axpy", &code);
  Check(code, "clCreateKernel");
  constexpr std::size_t kItems = 64;
  cl_mem x = clCreateBuffer(context, CL_MEM_READ_WRITE, kItems * sizeof(float), nullptr, &code);
  Check(code, "clCreateBuffer");
  cl_mem y = clCreateBuffer(context, CL_MEM_READ_WRITE, kItems * sizeof(float), nullptr, &code);
  Check(code, "clCreateBuffer");
  const float a = 2;
  Check(clSetKernelArg(kernel, 0, sizeof a, &a), "clSetKernelArg");
  Check(clSetKernelArg(kernel, 1, sizeof x, &x), "clSetKernelArg");
  Check(clSetKernelArg(kernel, 2, sizeof y, &y), "clSetKernelArg");
  Measure("launch-finish", 500, [&] {
    Check(clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &kItems, nullptr, 0, nullptr, nullptr), "launch");
    Check(clFinish(queue), "clFinish");
  });
}
#endif

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 2 ? argv[1] : "";
  if (what == "ping-pong") {
    PingPong();
    return 0;
  }
#ifdef HAVE_OPENCL
  if (what == "launch-finish") {
    LaunchFinish();
    return 0;
  }
#endif
  return 2;
}
