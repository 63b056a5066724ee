#include "device_list.h"

namespace gpubridge::opencl {
namespace {

constexpr const char* kHowToGetADevice =
    "install the OpenCL driver of the device's vendor, or pocl-opencl-icd of Debian for the processor";

template <typename Value>
Value InfoOf(cl_device_id device, cl_device_info what) {
  Value value{};
  if (Cl().GetDeviceInfo(device, what, sizeof value, &value, nullptr) != CL_SUCCESS) return Value{};
  return value;
}

// Text that an info call of (object, what) gives.
template <typename Call, typename Object, typename What>
std::string TextOf(Call call, Object object, What what) {
  std::size_t bytes = 0;
  if (call(object, what, 0, nullptr, &bytes) != CL_SUCCESS || bytes == 0) return {};
  std::string text(bytes, '\0');
  if (call(object, what, bytes, text.data(), nullptr) != CL_SUCCESS) return {};
  text.resize(text.find('\0') == std::string::npos ? bytes : text.find('\0'));
  return text;
}

bool HasOpenClC3(cl_device_id device) {
  std::size_t bytes = 0;
  if (Cl().GetDeviceInfo(device, CL_DEVICE_OPENCL_C_ALL_VERSIONS, 0, nullptr, &bytes) != CL_SUCCESS) return false;
  std::vector<cl_name_version> versions(bytes / sizeof(cl_name_version));
  if (Cl().GetDeviceInfo(device, CL_DEVICE_OPENCL_C_ALL_VERSIONS, bytes, versions.data(), nullptr) != CL_SUCCESS) return false;
  for (const cl_name_version& version : versions) {
    if (CL_VERSION_MAJOR(version.version) >= 3) return true;
  }
  return false;
}

std::string TypeOf(cl_device_type type) {
  if ((type & CL_DEVICE_TYPE_GPU) != 0) return "gpu";
  if ((type & CL_DEVICE_TYPE_CPU) != 0) return "cpu";
  return "accelerator";
}

DeviceFacts FactsOf(cl_platform_id platform, cl_device_id device) {
  const ClApi& cl = Cl();
  DeviceFacts facts;
  facts.platform = platform;
  facts.id = device;
  facts.name = TextOf(cl.GetDeviceInfo, device, CL_DEVICE_NAME);
  facts.type = TypeOf(InfoOf<cl_device_type>(device, CL_DEVICE_TYPE));
  facts.driver = TextOf(cl.GetPlatformInfo, platform, CL_PLATFORM_NAME) + ", " +
                 TextOf(cl.GetPlatformInfo, platform, CL_PLATFORM_VERSION) + ", driver " +
                 TextOf(cl.GetDeviceInfo, device, CL_DRIVER_VERSION);
  facts.compute_units = InfoOf<cl_uint>(device, CL_DEVICE_MAX_COMPUTE_UNITS);
  facts.max_work_group = InfoOf<std::size_t>(device, CL_DEVICE_MAX_WORK_GROUP_SIZE);
  facts.max_allocation = InfoOf<cl_ulong>(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
  const std::string extensions = ' ' + TextOf(cl.GetDeviceInfo, device, CL_DEVICE_EXTENSIONS) + ' ';
  const auto offers = [&](const char* name) { return extensions.find(std::string(" ") + name + ' ') != std::string::npos; };
  facts.f64 = offers("cl_khr_fp64") || InfoOf<cl_device_fp_config>(device, CL_DEVICE_DOUBLE_FP_CONFIG) != 0;
  facts.i64_atomics = offers("cl_khr_int64_base_atomics") && offers("cl_khr_int64_extended_atomics");
  facts.rounds_divisions_correctly =
      (InfoOf<cl_device_fp_config>(device, CL_DEVICE_SINGLE_FP_CONFIG) & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0;
  constexpr cl_device_svm_capabilities kNeeded = CL_DEVICE_SVM_FINE_GRAIN_BUFFER | CL_DEVICE_SVM_ATOMICS;
  facts.promises_concurrent_access =
      (InfoOf<cl_device_svm_capabilities>(device, CL_DEVICE_SVM_CAPABILITIES) & kNeeded) == kNeeded;
  facts.has_opencl_c_3 = HasOpenClC3(device);
  return facts;
}

// Why this device is left out, or null.
const char* RefusalOf(const DeviceFacts& facts) {
  // Runs kernels inside clFlush on the calling thread: nothing else could go on meanwhile.
  if (facts.name.starts_with("basic")) return "PoCL's driver `basic` runs kernels on the calling thread; use its driver `pthread`";
  if (facts.compute_units == 0 || facts.max_allocation == 0) return "its driver says nothing of its size";
  return nullptr;
}

}  // namespace

std::vector<DeviceFacts> ListDevices(Failure& absence) {
  const ClApi* cl = FindClApi(absence);
  if (cl == nullptr) return {};
  cl_uint platform_count = 0;
  const cl_int error = cl->GetPlatformIDs(0, nullptr, &platform_count);
  if (error != CL_SUCCESS || platform_count == 0) {
    absence = std::string("no OpenCL platform: ") + kHowToGetADevice;
    return {};
  }
  std::vector<cl_platform_id> platforms(platform_count);
  cl->GetPlatformIDs(platform_count, platforms.data(), nullptr);
  std::vector<DeviceFacts> devices;
  std::string refused;
  for (cl_platform_id platform : platforms) {
    cl_uint count = 0;
    if (cl->GetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &count) != CL_SUCCESS) continue;
    std::vector<cl_device_id> ids(count);
    if (cl->GetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, ids.data(), nullptr) != CL_SUCCESS) continue;
    for (cl_device_id id : ids) {
      DeviceFacts facts = FactsOf(platform, id);
      if (const char* reason = RefusalOf(facts)) refused += "; " + facts.name + ": " + reason;
      else devices.push_back(std::move(facts));
    }
  }
  if (devices.empty()) absence = "no usable OpenCL device" + refused + (refused.empty() ? std::string(": ") + kHowToGetADevice : "");
  return devices;
}

}  // namespace gpubridge::opencl
