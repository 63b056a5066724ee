// A region as JavaScript sees it: NativeRegion in packages/compute-native/src/addon/native-addon.ts.
#pragma once

#include <napi.h>

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "memory/bell_waiter.h"
#include "memory/shared_memory.h"

namespace gpubridge {

class RegionObject;

// The regions of one JavaScript environment, and the way to them from watching threads. Each worker thread of Node has an
// environment of its own; nothing here is shared by the process.
class Environment {
 public:
  explicit Environment(Napi::Env env);

  // Returns the number that Fired knows the region by.
  std::uint64_t Add(RegionObject* region);
  void Remove(std::uint64_t number) { regions_.erase(number); }
  // From any thread: resolves these waits, if the region is still there.
  void Fired(std::uint64_t region, std::vector<std::uint64_t> waits);

 private:
  struct Message {
    std::uint64_t region;
    std::vector<std::uint64_t> waits;
  };
  static void Deliver(Napi::Env env, Napi::Function callback, Environment* self, Message* message);
  using Calls = Napi::TypedThreadSafeFunction<Environment, Message, &Environment::Deliver>;

  Calls calls_;
  std::unordered_map<std::uint64_t, RegionObject*> regions_;
  std::uint64_t next_region_ = 1;
  bool ended_ = false;  // JavaScript runs no more; calls that were on their way still arrive.
};

// Instance data of the addon. Regions share the environment, since nothing says in which order the two are destroyed.
struct AddonData {
  std::shared_ptr<Environment> environment;
  Napi::FunctionReference region_class;
};

class RegionObject : public Napi::ObjectWrap<RegionObject> {
 public:
  static Napi::Function Define(Napi::Env env);

  // Takes the number of bytes.
  explicit RegionObject(const Napi::CallbackInfo& info);
  ~RegionObject() override;

  void Resolve(const std::vector<std::uint64_t>& waits);
  // Ends the watching threads. What waits stays pending.
  void StopWatching() { waiters_.clear(); }

 private:
  void RingBell(const Napi::CallbackInfo& info);
  void Notify(const Napi::CallbackInfo& info);
  void Wait(const Napi::CallbackInfo& info);
  Napi::Value WaitAsync(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  // The word at the offset that is argument 0; null with a pending exception where it is none of this region.
  std::uint32_t* Bell(const Napi::CallbackInfo& info);
  BellWaiter& WaiterOf(std::uint32_t* bell);

  std::shared_ptr<Environment> environment_;
  std::uint64_t number_ = 0;  // 0: the constructor has failed.
  std::shared_ptr<SharedMemory> memory_;
  std::map<std::uint32_t*, std::unique_ptr<BellWaiter>> waiters_;
  std::unordered_map<std::uint64_t, Napi::Promise::Deferred> promises_;
  std::uint64_t next_wait_ = 0;
};

}  // namespace gpubridge
