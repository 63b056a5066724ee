// The Node-API module of the silo's process: NativeAddon in packages/compute-native/src/addon/native-addon.ts.
#include <napi.h>

#include <memory>

#include "addon/region.h"
#include "gpubridge/generated/ring_abi.h"

namespace gpubridge {
namespace {

Napi::Value CreateRegion(const Napi::CallbackInfo& info) {
  const Napi::Value bytes = info[0];
  return info.Env().GetInstanceData<AddonData>()->region_class.New({bytes});
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto data = std::make_unique<AddonData>();
  data->environment = std::make_shared<Environment>(env);
  data->region_class = Napi::Persistent(RegionObject::Define(env));
  env.SetInstanceData(data.release());
  exports.Set("ringAbiVersion", Napi::Number::New(env, kRingAbiVersion));
  exports.Set("createRegion", Napi::Function::New<CreateRegion>(env, "createRegion"));
  return exports;
}

}  // namespace
}  // namespace gpubridge

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return gpubridge::Init(env, exports); }
NODE_API_MODULE(addon, InitAddon)
