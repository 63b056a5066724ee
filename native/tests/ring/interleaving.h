// Every interleaving of a silo and an executor on one ring, with the death of the executor after every step: the real ends of
// ring.h over a policy that lets one of the two do one atomic operation at a time.
//
// An operation of an end is begun again from its start for every step of it: what it has done already is answered from its log,
// then it does one thing more, and what it would do after that has no effect. So a state is plain data that can be copied, hashed
// and gone on from.
//
// Steps are explored as sequentially consistent. That is enough as long as the words of an entry are not raced for, which the
// tests with threads show under ThreadSanitizer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gpubridge::interleaving {

// A fault put into the ends, which the exploration must find.
enum class Mutation {
  kNone,
  kPublishBeforeBody,   // seq is stored before the words of its entry.
  kNoRecheck,           // Nothing is looked at again after `parked` was set.
  kNoWake,              // A bell grows, but nobody is woken.
  kRunningNotNamed,     // `running` is not stored.
  kReplayWithoutDrain,  // After a death, completions that were published are not consumed before entries run again.
};

struct Plan {
  std::uint32_t capacity;
  std::uint32_t entries;
  std::uint32_t deaths;              // Most deaths of the executor on one path.
  // Of the first incarnation. At least capacity + 1 below 2^32: a cleared slot looks published to the entry before the wrap.
  std::uint32_t first_position = 0;
  Mutation mutation = Mutation::kNone;
};

struct Report {
  std::uint64_t states = 0;  // Different ones.
  std::uint64_t steps = 0;
  std::uint64_t ends = 0;     // Different states in which all is done.
  std::string violation;      // What was wrong, or empty.
  std::vector<std::string> path;  // The steps that led there.
};

// Explores until all states are seen or one is wrong.
Report Explore(const Plan& plan);

}  // namespace gpubridge::interleaving
