// The policy over ring.h by which one of two processes does one atomic operation at a time; see interleaving.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "gpubridge/ring.h"
#include "ring/interleaving.h"

namespace gpubridge::interleaving {

inline constexpr std::uint32_t kMaxCapacity = 4;
inline constexpr std::uint32_t kRingWords = RingBytes(kMaxCapacity) / 4;
inline constexpr std::uint32_t kMaxLog = 48;
inline constexpr std::uint32_t kNowhere = ~0u;

struct Violation {
  std::string what;
};

// Where a process is in the operation that it performs.
struct Log {
  std::uint32_t results[kMaxLog];
  std::uint32_t length = 0;
  std::uint32_t blocked_on = kNowhere;  // Index of the bell it sleeps on.

  bool at_boundary() const { return length == 0; }
};

// The one memory that the ends refer to; states are copied into it and out of it.
alignas(kLineBytes) inline std::uint32_t g_memory[kRingWords];

// The process that steps now.
struct Stepper {
  Log* log = nullptr;  // Null: everything at once, since nobody else runs.
  Log* other = nullptr;
  Mutation mutation = Mutation::kNone;
  std::uint32_t cursor = 0;
  bool stepped = false;
  bool yielded = false;  // A second step was due: the operation goes on without effect, and what it says is nothing.
  bool parking = false;  // kNoRecheck: `parked` was stored in this operation.
  // kPublishBeforeBody: the copy that waits for its publication.
  std::uint32_t* late_to = nullptr;
  const std::uint32_t* late_from = nullptr;

  // Does `action`, which fills `count` results, as one step, or answers it from the log.
  template <class Action>
  void Act(std::uint32_t* results, std::uint32_t count, Action action) {
    if (log == nullptr) return action(results);
    if (cursor < log->length) {
      if (count > 0) std::memcpy(results, log->results + cursor + 1, count * 4);
      cursor += count + 1;
      return;
    }
    yielded = stepped;
    if (yielded) return;
    stepped = true;
    action(results);
    if (log->length + count + 1 > kMaxLog) throw Violation{"the log of an operation is too short"};
    log->results[log->length] = count;  // Also so that an action without results is in the log.
    if (count > 0) std::memcpy(log->results + log->length + 1, results, count * 4);
    log->length += count + 1;
    cursor = log->length;
  }
};
inline Stepper g_stepper;

inline bool IsShared(const std::uint32_t* word) { return word >= g_memory && word < g_memory + kRingWords; }
inline std::uint32_t IndexOf(const std::uint32_t* word) { return static_cast<std::uint32_t>(word - g_memory); }

// The policy for ring.h.
struct SteppedWords {
  static std::uint32_t Load(const std::uint32_t& word) {
    if (g_stepper.parking) return 0;
    std::uint32_t result = 0;
    g_stepper.Act(&result, 1, [&](std::uint32_t* into) { *into = word; });
    return result;
  }

  static void Store(std::uint32_t& word, std::uint32_t value) {
    const bool names_running = &word == g_memory + 2 * kWordsPerLine + offsetof(ExecutorLine, running) / 4;
    if (g_stepper.mutation == Mutation::kRunningNotNamed && names_running) return;
    g_stepper.Act(nullptr, 0, [&](std::uint32_t*) { word = value; });
    const bool parks = IndexOf(&word) < kRingControlLines * kWordsPerLine && !names_running;
    if (g_stepper.mutation == Mutation::kNoRecheck && parks) g_stepper.parking = value == 1;
    if (g_stepper.late_to != nullptr) CopyOut(std::exchange(g_stepper.late_to, nullptr), g_stepper.late_from);
  }

  static void Ring(std::uint32_t& bell) {
    g_stepper.Act(nullptr, 0, [&](std::uint32_t*) { bell++; });
    if (g_stepper.mutation == Mutation::kNoWake) return;
    g_stepper.Act(nullptr, 0, [&](std::uint32_t*) {
      if (g_stepper.other != nullptr && g_stepper.other->blocked_on == IndexOf(&bell))
        g_stepper.other->blocked_on = kNowhere;
    });
  }

  static void Wait(const std::uint32_t& bell, std::uint32_t expected, std::chrono::nanoseconds) {
    g_stepper.Act(nullptr, 0, [&](std::uint32_t*) {
      if (bell == expected) g_stepper.log->blocked_on = IndexOf(&bell);
    });
    g_stepper.parking = false;
  }

  // In two steps, so that an entry can be half written and half read.
  static void Copy(std::uint32_t* to, const std::uint32_t* from, std::uint32_t words) {
    if (!IsShared(to)) {
      const std::uint32_t half = words / 2;
      g_stepper.Act(to, half, [&](std::uint32_t* into) { std::memcpy(into, from, half * 4); });
      g_stepper.Act(to + half, words - half, [&](std::uint32_t* into) { std::memcpy(into, from + half, (words - half) * 4); });
    } else if (g_stepper.mutation == Mutation::kPublishBeforeBody) {
      g_stepper.late_to = to;
      g_stepper.late_from = from;
    } else {
      CopyOut(to, from);
    }
  }

 private:
  static void CopyOut(std::uint32_t* to, const std::uint32_t* from) {
    constexpr std::uint32_t kHalf = (kWordsPerLine - 1) / 2;
    g_stepper.Act(nullptr, 0, [&](std::uint32_t*) { std::memcpy(to, from, kHalf * 4); });
    g_stepper.Act(nullptr, 0, [&](std::uint32_t*) { std::memcpy(to + kHalf, from + kHalf, (kWordsPerLine - 1 - kHalf) * 4); });
  }
};

}  // namespace gpubridge::interleaving
