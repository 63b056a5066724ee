// The OpenCL devices of this machine and what their drivers say of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cl_api.h"

namespace gpubridge::opencl {

struct DeviceFacts {
  cl_platform_id platform = nullptr;
  cl_device_id id = nullptr;
  std::string name;
  std::string type;    // As Capabilities::type.
  std::string driver;  // Platform, its version, the driver's version.
  std::uint32_t compute_units = 1;
  std::uint64_t max_work_group = 1;
  std::uint64_t max_allocation = 0;
  bool f64 = false;
  bool i64_atomics = false;
  bool rounds_divisions_correctly = false;  // f32, as strict kernels ask for.
  bool promises_concurrent_access = false;  // Fine-grained shared memory and atomics on it.
  bool has_opencl_c_3 = false;

  bool is_pocl() const { return driver.starts_with("Portable Computing Language"); }
  bool is_cpu() const { return type == "cpu"; }
};

// Devices in the order of their numbers. None: `absence` says why and what would help.
std::vector<DeviceFacts> ListDevices(Failure& absence);

}  // namespace gpubridge::opencl
