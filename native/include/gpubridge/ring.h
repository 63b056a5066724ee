// One ring of a region: a submission and a completion queue with one producer and one consumer each, the C++ side of
// packages/protocol/src/ring. All operations that order others are sequentially consistent: `Publish` makes the slot visible
// with its seq, `Park` and `Wake` are a Dekker pair (each side stores its own word, then loads the other's), so no wake-up is
// lost. There are no fences, since ThreadSanitizer does not know them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "gpubridge/futex.h"
#include "gpubridge/generated/ring_abi.h"

namespace gpubridge {

inline constexpr std::uint32_t kWordsPerLine = kLineBytes / 4;
inline constexpr std::uint32_t kRingControlLines = 3;

// Bytes of a ring with `capacity` entries in each queue.
constexpr std::uint64_t RingBytes(std::uint32_t capacity) {
  return (kRingControlLines + 2 * std::uint64_t{capacity}) * kLineBytes;
}

// The operations on shared words. Tests put another policy in its place, which decides between every two of them who runs.
struct SharedWords {
  static std::uint32_t Load(const std::uint32_t& word) {
    return std::atomic_ref(const_cast<std::uint32_t&>(word)).load(std::memory_order_seq_cst);
  }
  static void Store(std::uint32_t& word, std::uint32_t value) {
    std::atomic_ref(word).store(value, std::memory_order_seq_cst);
  }
  // A word that only this side writes, and that orders nothing.
  static void Count(std::uint32_t& word) {
    std::atomic_ref shared(word);
    shared.store(shared.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  static void Ring(std::uint32_t& bell) {
    std::atomic_ref(bell).fetch_add(1, std::memory_order_seq_cst);
    FutexWake(&bell);
  }
  static void Wait(const std::uint32_t& bell, std::uint32_t expected, std::chrono::nanoseconds timeout) {
    FutexWait(&bell, expected, timeout);
  }
  // The words of an entry behind its seq; plain, since publishing orders them.
  static void Copy(std::uint32_t* to, const std::uint32_t* from, std::uint32_t words) {
    for (std::uint32_t i = 0; i < words; i++) to[i] = from[i];
  }
};

// Where the lines of a ring lie, and how an entry is published.
template <class Words = SharedWords>
class RingMemory {
 public:
  // `base` is the ring's first byte, a multiple of 64; `capacity` a power of two; both checked by whoever parsed the region.
  RingMemory(std::uint8_t* base, std::uint32_t capacity) : base_(base), capacity_(capacity) {}

  std::uint32_t capacity() const { return capacity_; }
  RingHeader& header() const { return *Line<RingHeader>(0); }
  SiloLine& silo() const { return *Line<SiloLine>(1); }
  ExecutorLine& executor() const { return *Line<ExecutorLine>(2); }
  Sqe& submission(std::uint32_t position) const { return *Line<Sqe>(kRingControlLines + Slot(position)); }
  Cqe& completion(std::uint32_t position) const { return *Line<Cqe>(kRingControlLines + capacity_ + Slot(position)); }

  // Clears the ring for a new incarnation. Nobody else may touch it meanwhile.
  void Initialise(std::uint32_t generation) const {
    auto* words = reinterpret_cast<std::uint32_t*>(base_);
    for (std::uint64_t i = 0; i < RingBytes(capacity_) / 4; i++) words[i] = 0;
    header().magic = kRingMagic;
    header().version = kRingAbiVersion;
    header().capacity = capacity_;
    header().generation = generation;
  }

  // Whether the memory holds a ring of this version and capacity.
  bool HeaderMatches() const {
    const RingHeader seen = header();
    return seen.magic == kRingMagic && seen.version == kRingAbiVersion && seen.capacity == capacity_;
  }

  template <class Entry>
  static void Publish(Entry& slot, const Entry& entry, std::uint32_t position) {
    Words::Copy(Body(slot), Body(entry), kWordsPerLine - 1);
    Words::Store(slot.seq, position + 1);
  }

  template <class Entry>
  static bool IsPublished(const Entry& slot, std::uint32_t position) {
    return Words::Load(slot.seq) == position + 1;
  }

  // Only after IsPublished. `into.seq` is set from the position and not read again: the other side may be hostile.
  template <class Entry>
  static void Read(const Entry& slot, Entry& into, std::uint32_t position) {
    Words::Copy(Body(into), Body(slot), kWordsPerLine - 1);
    into.seq = position + 1;
  }

  // Rings `bell` if the other side says that it is parked. Call after Publish.
  static void Wake(const std::uint32_t& parked, std::uint32_t& bell) {
    if (Words::Load(parked) != 0) Words::Ring(bell);
  }

 private:
  template <class T>
  T* Line(std::uint64_t line) const {
    return reinterpret_cast<T*>(base_ + line * kLineBytes);
  }
  std::uint32_t Slot(std::uint32_t position) const { return position & (capacity_ - 1); }
  static std::uint32_t* Body(auto& entry) { return reinterpret_cast<std::uint32_t*>(&entry) + 1; }
  static const std::uint32_t* Body(const auto& entry) { return reinterpret_cast<const std::uint32_t*>(&entry) + 1; }

  std::uint8_t* base_;
  std::uint32_t capacity_;
};

// The executor's end: consumes submissions, produces completions, in the order of submission. One thread.
template <class Words = SharedWords>
class ExecutorEnd {
 public:
  // `position` is 0 on a cleared ring; tests begin near 2^32 to see it wrap.
  explicit ExecutorEnd(RingMemory<Words> memory, std::uint32_t position = 0)
      : memory_(memory), taken_(position), completed_(position) {}

  const RingMemory<Words>& memory() const { return memory_; }
  // Of the next entry to take.
  std::uint32_t position() const { return taken_; }

  // Whether a submission waits.
  bool Ready() const { return memory_.IsPublished(memory_.submission(taken_), taken_); }

  // Names the entry as running, so that a death names its suspect, and reads it. Only after Ready.
  void Take(Sqe& into) {
    Words::Store(memory_.executor().running, taken_ + 1);
    memory_.Read(memory_.submission(taken_), into, taken_);
    taken_++;
  }

  // Reads the next entry without taking it: who runs it is not decided yet. Only after Ready.
  void Peek(Sqe& into) const { memory_.Read(memory_.submission(taken_), into, taken_); }

  // Publishes the completion of the entry taken first of those not completed, and wakes the reaper if it is parked.
  void Complete(const Cqe& entry) {
    memory_.Publish(memory_.completion(completed_), entry, completed_);
    completed_++;
    memory_.Wake(memory_.silo().reaper_parked, memory_.executor().completion_bell);
  }

  // Goes on where another consumer of this ring, a resident kernel, left off: with all entries completed up to `position`.
  void ContinueAt(std::uint32_t position) { taken_ = completed_ = position; }

  // seq of the entry that runs or ran last.
  std::uint32_t running() const { return Words::Load(memory_.executor().running); }
  bool StopRequested() const { return Words::Load(memory_.silo().stop) != 0; }
  // Counts an entry into the polling loop.
  void BeginLease() { Words::Count(memory_.executor().leases); }
  // At least every 256 polls.
  void Beat() { Words::Count(memory_.executor().heartbeat); }

  // Blocks until a submission or a stop arrives, at most `timeout`; may return early.
  void Park(std::chrono::nanoseconds timeout) {
    const std::uint32_t bell = Words::Load(memory_.silo().submission_bell);
    Words::Store(memory_.executor().parked, 1);
    if (!Ready() && !StopRequested()) Words::Wait(memory_.silo().submission_bell, bell, timeout);
    Words::Store(memory_.executor().parked, 0);
  }

 private:
  RingMemory<Words> memory_;
  std::uint32_t taken_;
  std::uint32_t completed_;
};

// The silo's end: produces submissions, consumes completions. Never more outstanding than the capacity: that makes every slot
// it writes free. In a silo this end is JavaScript; this one is for tests and benchmarks.
template <class Words = SharedWords>
class SiloEnd {
 public:
  explicit SiloEnd(RingMemory<Words> memory, std::uint32_t position = 0)
      : memory_(memory), submitted_(position), reaped_(position) {}

  const RingMemory<Words>& memory() const { return memory_; }
  std::uint32_t outstanding() const { return submitted_ - reaped_; }
  std::uint32_t free() const { return memory_.capacity() - outstanding(); }
  // Of the next completion to reap.
  std::uint32_t reaped() const { return reaped_; }

  // Publishes an entry and wakes the executor if it is parked. False, and nothing written, when no slot is free.
  bool Submit(const Sqe& entry) {
    if (free() == 0) return false;
    memory_.Publish(memory_.submission(submitted_), entry, submitted_);
    submitted_++;
    memory_.Wake(memory_.executor().parked, memory_.silo().submission_bell);
    return true;
  }

  // Whether a completion waits.
  bool Ready() const { return memory_.IsPublished(memory_.completion(reaped_), reaped_); }

  // Reads the next completion; false when none waits.
  bool Reap(Cqe& into) {
    if (!Ready()) return false;
    memory_.Read(memory_.completion(reaped_), into, reaped_);
    reaped_++;
    return true;
  }

  // Whether the entry of this position runs or ran last: after a death, the suspect.
  bool IsRunning(std::uint32_t position) const { return Words::Load(memory_.executor().running) == position + 1; }
  bool IsExecutorParked() const { return Words::Load(memory_.executor().parked) != 0; }
  std::uint32_t heartbeat() const { return Words::Load(memory_.executor().heartbeat); }
  std::uint32_t leases() const { return Words::Load(memory_.executor().leases); }

  // Blocks until a completion arrives, at most `timeout`; may return early.
  void Park(std::chrono::nanoseconds timeout) {
    const std::uint32_t bell = Words::Load(memory_.executor().completion_bell);
    Words::Store(memory_.silo().reaper_parked, 1);
    if (!Ready()) Words::Wait(memory_.executor().completion_bell, bell, timeout);
    Words::Store(memory_.silo().reaper_parked, 0);
  }

  // Tells the executor to return once its queue is empty.
  void RequestStop() {
    Words::Store(memory_.silo().stop, 1);
    memory_.Wake(memory_.executor().parked, memory_.silo().submission_bell);
  }

 private:
  RingMemory<Words> memory_;
  std::uint32_t submitted_;
  std::uint32_t reaped_;
};

}  // namespace gpubridge
