// Builds one OpenCL program and launches kernels of it over memory images.
//
//   launch-kernels <program text> <images> <build flags>
//
// One launch per line of standard input:
// `entry imageOffset imageBytes argumentBlock first count globalSize localSize`. Images are changed in place. Answers one
// line per launch: what the kernel added to `violations`.
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>

static void Check(cl_int code, const char* what) {
  if (code == CL_SUCCESS) return;
  std::fprintf(stderr, "%s: OpenCL error %d\n", what, code);
  std::exit(3);
}

static cl_device_id AnyDevice() {
  cl_uint count = 0;
  cl_platform_id platforms[16];
  Check(clGetPlatformIDs(16, platforms, &count), "clGetPlatformIDs");
  for (cl_uint i = 0; i < count && i < 16; i++) {
    cl_device_id device;
    if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &device, nullptr) == CL_SUCCESS) return device;
  }
  std::fprintf(stderr, "no OpenCL device\n");
  std::exit(4);
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::ifstream file(argv[1]);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const int images = open(argv[2], O_RDWR);
  if (images < 0) {
    std::perror(argv[2]);
    return 2;
  }
  cl_int code;
  cl_device_id device = AnyDevice();
  cl_context context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, &code);
  Check(code, "clCreateContext");
  cl_command_queue queue = clCreateCommandQueueWithProperties(context, device, nullptr, &code);
  Check(code, "clCreateCommandQueueWithProperties");
  const char* source = text.c_str();
  cl_program program = clCreateProgramWithSource(context, 1, &source, nullptr, &code);
  Check(code, "clCreateProgramWithSource");
  if (clBuildProgram(program, 1, &device, argv[3], nullptr, nullptr) != CL_SUCCESS) {
    std::size_t size = 0;
    clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &size);
    std::vector<char> log(size + 1);
    clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, size, log.data(), nullptr);
    std::fprintf(stderr, "%s\n", log.data());
    return 5;
  }
  std::map<std::string, cl_kernel> kernels;
  char name[512];
  unsigned long long offset, bytes;
  cl_ulong block;
  cl_uint first, count;
  std::size_t global, local;
  while (std::scanf("%511s %llu %llu %lu %u %u %zu %zu", name, &offset, &bytes, &block, &first, &count, &global,
                    &local) == 8) {
    cl_kernel& kernel = kernels[name];
    if (kernel == nullptr) {
      kernel = clCreateKernel(program, name, &code);
      Check(code, name);
    }
    void* image = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, images, static_cast<off_t>(offset));
    if (image == MAP_FAILED) {
      std::perror("mmap");
      return 2;
    }
    cl_mem memory = clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes, image, &code);
    Check(code, "clCreateBuffer");
    cl_uint violations = 0;
    cl_mem counter = clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, 4, &violations, &code);
    Check(code, "clCreateBuffer");
    Check(clSetKernelArg(kernel, 0, sizeof memory, &memory), "clSetKernelArg");
    Check(clSetKernelArg(kernel, 1, sizeof block, &block), "clSetKernelArg");
    Check(clSetKernelArg(kernel, 2, sizeof first, &first), "clSetKernelArg");
    Check(clSetKernelArg(kernel, 3, sizeof count, &count), "clSetKernelArg");
    Check(clSetKernelArg(kernel, 4, sizeof counter, &counter), "clSetKernelArg");
    Check(clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &global, &local, 0, nullptr, nullptr), name);
    Check(clEnqueueReadBuffer(queue, memory, CL_TRUE, 0, bytes, image, 0, nullptr, nullptr), name);
    Check(clEnqueueReadBuffer(queue, counter, CL_TRUE, 0, 4, &violations, 0, nullptr, nullptr), name);
    std::printf("%u\n", violations);
    clReleaseMemObject(memory);
    clReleaseMemObject(counter);
    munmap(image, bytes);
  }
  return 0;
}
