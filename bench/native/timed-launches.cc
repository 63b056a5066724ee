// Runs OpenCL kernels over a memory image and says how long they took; lines and answers are those of timed-calls.cc.
//
//   timed-launches <image> <results>
//
//   load <program text> <build flags>...
//   run <entry> <block> <items> <local size> <work-items per item> {<offset> <bytes>}...
//
// A run is one launch. How many threads take part is the device's affair (PoCL: POCL_MAX_PTHREAD_COUNT).
#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << what << '\n';
  std::exit(1);
}

void Check(cl_int code, const std::string& what) {
  if (code != CL_SUCCESS) Fail(what + ": OpenCL error " + std::to_string(code));
}

cl_device_id AnyDevice() {
  cl_uint count = 0;
  cl_platform_id platforms[16];
  Check(clGetPlatformIDs(16, platforms, &count), "clGetPlatformIDs");
  for (cl_uint i = 0; i < count && i < 16; i++) {
    cl_device_id device;
    if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_CPU, 1, &device, nullptr) == CL_SUCCESS) return device;
  }
  Fail("no OpenCL device that is a processor");
}

std::vector<char> Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) Fail("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

double CpuMs() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& t) { return t.tv_sec * 1e3 + t.tv_usec / 1e3; };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

cl_program Build(cl_context context, cl_device_id device, const std::vector<char>& text, const std::string& flags) {
  cl_int code;
  const char* source = text.data();
  const std::size_t length = text.size();
  cl_program program = clCreateProgramWithSource(context, 1, &source, &length, &code);
  Check(code, "clCreateProgramWithSource");
  if (clBuildProgram(program, 1, &device, flags.c_str(), nullptr, nullptr) == CL_SUCCESS) return program;
  std::size_t size = 0;
  clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &size);
  std::string log(size, '\0');
  clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, size, log.data(), nullptr);
  Fail(log);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  cl_int code;
  cl_device_id device = AnyDevice();
  cl_context context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, &code);
  Check(code, "clCreateContext");
  cl_command_queue queue = clCreateCommandQueueWithProperties(context, device, nullptr, &code);
  Check(code, "clCreateCommandQueueWithProperties");
  std::vector<char> image = Contents(argv[1]);
  cl_mem memory =
      clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, image.size(), image.data(), &code);
  Check(code, "clCreateBuffer");
  std::vector<char>().swap(image);
  cl_mem counter = clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof(cl_uint), nullptr, &code);
  Check(code, "clCreateBuffer");

  // Building takes long, so a program that was loaded before stays.
  std::map<std::string, cl_program> programs;
  cl_program program = nullptr;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command, name;
    words >> command >> name;
    if (command == "load") {
      std::string flags;
      std::getline(words, flags);
      cl_program& known = programs[line];
      if (known == nullptr) known = Build(context, device, Contents(name), flags);
      program = known;
      std::cout << "loaded" << std::endl;
      continue;
    }
    cl_kernel kernel = clCreateKernel(program, name.c_str(), &code);
    Check(code, name);
    cl_ulong block;
    cl_uint count;
    std::size_t local, per_item;
    words >> block >> count >> local >> per_item;
    const cl_uint first = 0, group = 0, zero = 0;
    const std::size_t global = (count * per_item + local - 1) / local * local;
    std::vector<std::pair<std::size_t, std::size_t>> results;
    for (std::size_t offset, size; words >> offset >> size;) results.emplace_back(offset, size);
    for (const auto& [offset, size] : results)
      Check(clEnqueueFillBuffer(queue, memory, &zero, sizeof zero, offset, size, 0, nullptr, nullptr), "clear");
    Check(clEnqueueFillBuffer(queue, counter, &zero, sizeof zero, 0, sizeof zero, 0, nullptr, nullptr), "clear");
    Check(clFinish(queue), "clFinish");
    Check(clSetKernelArg(kernel, 0, sizeof memory, &memory), name);
    Check(clSetKernelArg(kernel, 1, sizeof block, &block), name);
    Check(clSetKernelArg(kernel, 2, sizeof first, &first), name);
    Check(clSetKernelArg(kernel, 3, sizeof count, &count), name);
    Check(clSetKernelArg(kernel, 4, sizeof group, &group), name);
    Check(clSetKernelArg(kernel, 5, sizeof counter, &counter), name);

    const double cpu = CpuMs();
    const auto start = std::chrono::steady_clock::now();
    Check(clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &global, &local, 0, nullptr, nullptr), name);
    Check(clFinish(queue), name);
    const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - start;
    const double used = CpuMs() - cpu;

    cl_uint violations;
    Check(clEnqueueReadBuffer(queue, counter, CL_TRUE, 0, sizeof violations, &violations, 0, nullptr, nullptr), name);
    std::ofstream file(argv[2], std::ios::binary | std::ios::trunc);
    for (const auto& [offset, size] : results) {
      std::vector<char> bytes(size);
      Check(clEnqueueReadBuffer(queue, memory, CL_TRUE, offset, size, bytes.data(), 0, nullptr, nullptr), name);
      file.write(bytes.data(), static_cast<std::streamsize>(size));
    }
    file.close();
    clReleaseKernel(kernel);
    std::cout << wall.count() << ' ' << used << ' ' << violations << std::endl;
  }
}
