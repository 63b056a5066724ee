// Builds one OpenCL program and launches kernels of it over memory images.
//
//   launch-kernels <program text> <images> <build flags>
//
// One launch per line of standard input: `entry imageOffset imageBytes globalSize localSize argument...`, an argument being
// `@N` (a pointer to byte N of the image), `uN` (uint), `lN` (ulong) or `+` (a counter that begins at 0). Images are changed in
// place. Answers one line per launch: its counter.
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
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

// PoCL 3.1 splits kernels at their barriers only after it has optimised them. Where a barrier stands in a branch, ids may
// then part right where branches join, and all of a group do what its first id does. So it is not to optimise before that;
// afterwards it does in any case.
static std::string BuildFlags(cl_device_id device, std::string flags) {
  cl_platform_id platform;
  Check(clGetDeviceInfo(device, CL_DEVICE_PLATFORM, sizeof platform, &platform, nullptr), "clGetDeviceInfo");
  char name[256] = "";
  Check(clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name, name, nullptr), "clGetPlatformInfo");
  return std::string(name) == "Portable Computing Language" ? flags + " -cl-opt-disable" : flags;
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
  const std::string flags = BuildFlags(device, argv[3]);
  if (clBuildProgram(program, 1, &device, flags.c_str(), nullptr, nullptr) != CL_SUCCESS) {
    std::size_t size = 0;
    clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &size);
    std::vector<char> log(size + 1);
    clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, size, log.data(), nullptr);
    std::fprintf(stderr, "%s\n", log.data());
    return 5;
  }
  std::map<std::string, cl_kernel> kernels;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string name;
    std::size_t offset, bytes, global, local;
    if (!(words >> name >> offset >> bytes >> global >> local)) return 2;
    cl_kernel& kernel = kernels[name];
    if (kernel == nullptr) {
      kernel = clCreateKernel(program, name.c_str(), &code);
      Check(code, name.c_str());
    }
    void* image = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, images, static_cast<off_t>(offset));
    if (image == MAP_FAILED) {
      std::perror("mmap");
      return 2;
    }
    // Memory of its own, so that nothing beside an image is found when a kernel leaves it.
    auto* memory = static_cast<unsigned char*>(clSVMAlloc(context, CL_MEM_READ_WRITE, bytes, 0));
    auto* counter = static_cast<cl_uint*>(clSVMAlloc(context, CL_MEM_READ_WRITE, sizeof(cl_uint), 0));
    cl_uint violations = 0;
    Check(clEnqueueSVMMemcpy(queue, CL_TRUE, memory, image, bytes, 0, nullptr, nullptr), "clEnqueueSVMMemcpy");
    Check(clEnqueueSVMMemcpy(queue, CL_TRUE, counter, &violations, 4, 0, nullptr, nullptr), "clEnqueueSVMMemcpy");
    std::string argument;
    for (cl_uint i = 0; words >> argument; i++) {
      const unsigned long long number = argument.size() > 1 ? std::stoull(argument.substr(1)) : 0;
      const cl_uint narrow = static_cast<cl_uint>(number);
      const cl_ulong wide = number;
      if (argument[0] == '@') code = clSetKernelArgSVMPointer(kernel, i, memory + number);
      else if (argument[0] == '+') code = clSetKernelArgSVMPointer(kernel, i, counter);
      else if (argument[0] == 'u') code = clSetKernelArg(kernel, i, sizeof narrow, &narrow);
      else code = clSetKernelArg(kernel, i, sizeof wide, &wide);
      Check(code, argument.c_str());
    }
    Check(clEnqueueNDRangeKernel(queue, kernel, 1, nullptr, &global, &local, 0, nullptr, nullptr), name.c_str());
    Check(clEnqueueSVMMemcpy(queue, CL_TRUE, image, memory, bytes, 0, nullptr, nullptr), name.c_str());
    Check(clEnqueueSVMMemcpy(queue, CL_TRUE, &violations, counter, 4, 0, nullptr, nullptr), name.c_str());
    std::printf("%u\n", violations);
    clSVMFree(context, memory);
    clSVMFree(context, counter);
    munmap(image, bytes);
  }
  return 0;
}
