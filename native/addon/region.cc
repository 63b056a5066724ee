#include "addon/region.h"

#include <string.h>

#include <cmath>
#include <string>
#include <utility>

#include "gpubridge/ring.h"

namespace gpubridge {
namespace {

// Throws as Node does for system calls: with the name of the error as `code`.
void ThrowSystemError(Napi::Env env, const SystemError& error) {
  Napi::Error thrown = Napi::Error::New(env, error.text);
  thrown.Set("code", Napi::String::New(env, strerrorname_np(error.number)));
  thrown.Set("errno", Napi::Number::New(env, -error.number));
  thrown.ThrowAsJavaScriptException();
}

// Maps memory into an ArrayBuffer that holds it until it is collected; empty with a pending exception where the runtime allows
// no foreign memory.
Napi::Value BufferOver(Napi::Env env, std::shared_ptr<SharedMemory> memory) {
  using Holder = std::shared_ptr<SharedMemory>;
  void* base = memory->base();
  const std::uint64_t bytes = memory->bytes();
  auto holder = std::make_unique<Holder>(std::move(memory));
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, base, bytes, [](napi_env, void*, void* hint) { delete static_cast<Holder*>(hint); }, holder.get(), &buffer);
  if (status == napi_ok) {
    holder.release();
    return Napi::Value(env, buffer);
  }
  if (env.IsExceptionPending()) {
    holder.release();  // It has called the finalizer already.
  } else if (status == napi_no_external_buffers_allowed) {
    Napi::Error error = Napi::Error::New(env, "this runtime allows no ArrayBuffer over memory that is not its own");
    error.Set("code", Napi::String::New(env, "ERR_NO_EXTERNAL_BUFFERS_ALLOWED"));
    error.ThrowAsJavaScriptException();
  } else {
    Napi::Error::New(env, "napi_create_external_arraybuffer failed").ThrowAsJavaScriptException();
  }
  return {};
}

bool IsWhole(double value) { return std::isfinite(value) && value >= 0 && value == std::floor(value); }

}  // namespace

Napi::Function RegionObject::Define(Napi::Env env) {
  return DefineClass(env, "NativeRegion",
                     {InstanceMethod<&RegionObject::RingBell>("ring"), InstanceMethod<&RegionObject::Notify>("notify"),
                      InstanceMethod<&RegionObject::Wait>("wait"), InstanceMethod<&RegionObject::WaitAsync>("waitAsync"),
                      InstanceMethod<&RegionObject::Close>("close")});
}

RegionObject::RegionObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<RegionObject>(info), environment_(info.Env().GetInstanceData<AddonData>()->environment) {
  const Napi::Env env = info.Env();
  const double bytes = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
  if (!IsWhole(bytes) || bytes < kPageBytes || bytes > kMaxRegionBytes || std::fmod(bytes, kPageBytes) != 0) {
    Napi::RangeError::New(env, "the bytes of a region are a multiple of 4096 from 4096 to " +
                                   std::to_string(kMaxRegionBytes))
        .ThrowAsJavaScriptException();
    return;
  }
  SystemError error;
  memory_ = SharedMemory::Create(static_cast<std::uint64_t>(bytes), error);
  if (memory_ == nullptr) {
    ThrowSystemError(env, error);
    return;
  }
  const Napi::Value buffer = BufferOver(env, memory_);
  if (buffer.IsEmpty()) return;
  info.This().As<Napi::Object>().DefineProperties({
      Napi::PropertyDescriptor::Value("fd", Napi::Number::New(env, memory_->fd()), napi_enumerable),
      Napi::PropertyDescriptor::Value("memory", buffer, napi_enumerable),
  });
  number_ = environment_->Add(this);
}

RegionObject::~RegionObject() { environment_->Remove(number_); }

std::uint32_t* RegionObject::Bell(const Napi::CallbackInfo& info) {
  const double offset = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
  if (IsWhole(offset) && offset <= static_cast<double>(memory_->bytes() - 4) && std::fmod(offset, 4) == 0)
    return reinterpret_cast<std::uint32_t*>(memory_->base() + static_cast<std::uint64_t>(offset));
  Napi::RangeError::New(info.Env(), "a word is named by its byte offset in the region, a multiple of 4")
      .ThrowAsJavaScriptException();
  return nullptr;
}

void RegionObject::RingBell(const Napi::CallbackInfo& info) {
  if (std::uint32_t* bell = Bell(info)) SharedWords::Ring(*bell);
}

void RegionObject::Notify(const Napi::CallbackInfo& info) {
  std::uint32_t* bell = Bell(info);
  if (bell == nullptr) return;
  FutexWake(bell);
  if (const auto waiter = waiters_.find(bell); waiter != waiters_.end()) Resolve(waiter->second->TakePending());
}

void RegionObject::Wait(const Napi::CallbackInfo& info) {
  std::uint32_t* bell = Bell(info);
  if (bell == nullptr) return;
  if (!info[1].IsNumber() || !info[2].IsNumber()) {
    Napi::TypeError::New(info.Env(), "wait(bell, expected, timeoutMs) takes numbers").ThrowAsJavaScriptException();
    return;
  }
  // Longer than a day is for ever, and what is no time is none.
  const double timeout_ms = std::fmin(std::fmax(info[2].As<Napi::Number>().DoubleValue(), 0), 86'400'000);
  const auto expected = static_cast<std::uint32_t>(info[1].As<Napi::Number>().Int32Value());
  FutexWait(bell, expected, std::chrono::nanoseconds(static_cast<std::int64_t>(timeout_ms * 1e6)));
}

Napi::Value RegionObject::WaitAsync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::uint32_t* bell = Bell(info);
  if (bell == nullptr) return {};
  if (!info[1].IsNumber()) {
    Napi::TypeError::New(env, "waitAsync(bell, expected) takes numbers").ThrowAsJavaScriptException();
    return {};
  }
  const auto promise = Napi::Promise::Deferred::New(env);
  const auto expected = static_cast<std::uint32_t>(info[1].As<Napi::Number>().Int32Value());
  const std::uint64_t wait = next_wait_++;
  if (memory_->fd() < 0 || !WaiterOf(bell).Wait(wait, expected)) {
    promise.Resolve(env.Undefined());
  } else {
    if (promises_.empty()) Ref();  // The waits resolve also when nobody but them refers to this object.
    promises_.emplace(wait, promise);
  }
  return promise.Promise();
}

void RegionObject::Close(const Napi::CallbackInfo&) {
  std::vector<std::uint64_t> waits;
  for (const auto& [wait, promise] : promises_) waits.push_back(wait);
  StopWatching();
  memory_->CloseDescriptor();
  Resolve(waits);
}

void RegionObject::Resolve(const std::vector<std::uint64_t>& waits) {
  const bool waited = !promises_.empty();
  for (const std::uint64_t wait : waits) {
    // A wait that was ended by `notify` or `close` may also have fired.
    const auto found = promises_.find(wait);
    if (found == promises_.end()) continue;
    found->second.Resolve(Env().Undefined());
    promises_.erase(found);
  }
  if (waited && promises_.empty()) Unref();
}

BellWaiter& RegionObject::WaiterOf(std::uint32_t* bell) {
  std::unique_ptr<BellWaiter>& waiter = waiters_[bell];
  if (waiter == nullptr) {
    waiter = std::make_unique<BellWaiter>(bell, [environment = environment_.get(), number = number_](auto waits) {
      environment->Fired(number, std::move(waits));
    });
  }
  return *waiter;
}

}  // namespace gpubridge
