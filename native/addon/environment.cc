#include <utility>

#include "addon/region.h"

namespace gpubridge {

Environment::Environment(Napi::Env env)
    : calls_(Calls::New(env, "gpu-bridge-bell", 0, 1, this)) {
  calls_.Unref(env);  // A wait keeps no process alive.
  // Runs before the calls are torn down and the objects destroyed, in the reverse order of making.
  env.AddCleanupHook([this] {
    ended_ = true;
    for (const auto& [number, region] : regions_) region->StopWatching();
    calls_.Release();
  });
}

std::uint64_t Environment::Add(RegionObject* region) {
  const std::uint64_t number = next_region_++;
  regions_.emplace(number, region);
  return number;
}

void Environment::Fired(std::uint64_t region, std::vector<std::uint64_t> waits) {
  auto* message = new Message{region, std::move(waits)};
  if (calls_.NonBlockingCall(message) != napi_ok) delete message;
}

void Environment::Deliver(Napi::Env env, Napi::Function, Environment* self, Message* message) {
  const std::unique_ptr<Message> owned(message);
  if (env == nullptr || self->ended_) return;
  const auto region = self->regions_.find(owned->region);
  if (region == self->regions_.end()) return;
  const Napi::HandleScope scope(env);
  region->second->Resolve(owned->waits);
}

}  // namespace gpubridge
