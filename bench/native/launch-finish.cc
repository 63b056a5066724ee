// The round trip that a resident kernel saves: an OpenCL launch of 64 items, then clFinish. Prints `SAMPLES BEST_P50_NS`: the
// median of the best of ten windows.
#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

namespace {

constexpr int kWindows = 10;
constexpr std::size_t kSamples = 500;  // Of a window.

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << what << '\n';
  std::exit(1);
}

void Check(cl_int code, const std::string& what) {
  if (code != CL_SUCCESS) Fail(what + ": OpenCL error " + std::to_string(code));
}

}  // namespace

int main() {
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
  const auto round_trip = [&] {
    Check(clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &kItems, nullptr, 0, nullptr, nullptr), "launch");
    Check(clFinish(queue), "clFinish");
  };
  for (std::size_t i = 0; i < kSamples; i++) round_trip();
  std::vector<double> medians;
  for (int window = 0; window < kWindows; window++) {
    std::vector<double> ns(kSamples);
    for (double& one : ns) {
      const auto start = std::chrono::steady_clock::now();
      round_trip();
      one = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
    }
    std::nth_element(ns.begin(), ns.begin() + kSamples / 2, ns.end());
    medians.push_back(ns[kSamples / 2]);
  }
  std::cout << kWindows * kSamples << ' ' << *std::min_element(medians.begin(), medians.end()) << std::endl;
}
