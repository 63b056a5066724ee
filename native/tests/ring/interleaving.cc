#include "ring/interleaving.h"

#include <cstring>
#include <unordered_set>
#include <utility>

#include "gpubridge/ring.h"
#include "ring/stepped_words.h"

namespace gpubridge::interleaving {
namespace {

using Memory = RingMemory<SteppedWords>;

// An entry or a completion that says its job in every word, so that a torn one shows.
template <class Entry>
Entry Stamped(std::uint32_t job) {
  Entry entry;
  auto* words = reinterpret_cast<std::uint32_t*>(&entry);
  for (std::uint32_t i = 0; i < kWordsPerLine; i++) words[i] = job + 100;
  return entry;
}

template <class Entry>
void CheckStamp(const Entry& entry, std::uint32_t job, const char* who) {
  if (g_stepper.yielded) return;
  const auto* words = reinterpret_cast<const std::uint32_t*>(&entry);
  for (std::uint32_t i = 1; i < kWordsPerLine; i++) {
    if (words[i] == job + 100) continue;
    throw Violation{std::string(who) + " expects entry " + std::to_string(job) + " and reads word " + std::to_string(i) +
                    " of " + std::to_string(static_cast<std::int64_t>(words[i]) - 100)};
  }
}

enum class Life : std::uint32_t { kRuns, kDead, kReturned };
enum class ExecutorAt : std::uint32_t { kPoll, kRun, kStopCheck, kPark };
enum class SiloDoes : std::uint32_t { kSubmit, kReap, kPark, kStop };

struct State {
  std::uint32_t memory[kRingWords];

  SiloEnd<SteppedWords> silo;
  Log silo_log;
  SiloDoes silo_does = SiloDoes::kSubmit;  // The operation that silo_log belongs to.
  bool silo_done = false;
  std::uint32_t submitted = 0;  // Jobs; after a death again those that were not completed.
  std::uint32_t received = 0;

  ExecutorEnd<SteppedWords> executor;
  Log executor_log;
  ExecutorAt executor_at = ExecutorAt::kPoll;
  Life executor_life = Life::kRuns;
  std::uint32_t first_job = 0;  // That the incarnation finds at its first position.
  std::uint32_t first_position;
  std::uint32_t begun = kNowhere;  // Job that the incarnation began last.
  std::uint32_t deaths = 0;
};

struct Transition {
  enum Kind : std::uint32_t { kSilo, kExecutor, kDeath, kExitEvent, kRecovery } kind;
  SiloDoes silo_does = SiloDoes::kSubmit;
};

std::string NameOf(const Transition& transition) {
  static const char* const kSiloDoes[] = {"silo: submit", "silo: reap", "silo: park", "silo: stop"};
  switch (transition.kind) {
    case Transition::kSilo:
      return kSiloDoes[static_cast<std::uint32_t>(transition.silo_does)];
    case Transition::kExecutor:
      return "executor";
    case Transition::kDeath:
      return "executor dies";
    case Transition::kExitEvent:
      return "silo: woken by the exit";
    case Transition::kRecovery:
      return "silo: recovers";
  }
  return "";
}

class Explorer {
 public:
  explicit Explorer(const Plan& plan) : plan_(plan) {}

  Report Run() {
    struct Frame {
      State state;
      std::vector<Transition> transitions;
      std::size_t next = 0;
    };
    std::vector<Frame> stack;
    std::vector<Transition> path;
    const auto visit = [&](const State& state) {
      if (!seen_.insert(HashOf(state)).second) return;
      report_.states++;
      std::vector<Transition> transitions = TransitionsOf(state);
      if (IsEnd(state)) report_.ends++;
      stack.push_back({state, std::move(transitions)});
    };
    try {
      visit(Initial());
      while (!stack.empty()) {
        Frame& frame = stack.back();
        path.resize(stack.size() - 1);
        if (frame.next == frame.transitions.size()) {
          stack.pop_back();
          continue;
        }
        path.push_back(frame.transitions[frame.next++]);
        State state = frame.state;
        Apply(state, path.back());
        report_.steps++;
        visit(state);
      }
    } catch (const Violation& violation) {
      report_.violation = violation.what;
      for (const Transition& transition : path) report_.path.push_back(NameOf(transition));
    }
    return report_;
  }

 private:
  Memory memory() const { return {reinterpret_cast<std::uint8_t*>(g_memory), plan_.capacity}; }

  State Initial() const {
    memory().Initialise(1);
    State state{.memory = {},
                .silo = SiloEnd<SteppedWords>(memory(), plan_.first_position),
                .silo_log = {},
                .executor = ExecutorEnd<SteppedWords>(memory(), plan_.first_position),
                .executor_log = {},
                .first_position = plan_.first_position};
    std::memcpy(state.memory, g_memory, sizeof g_memory);
    return state;
  }

  bool IsEnd(const State& state) const { return state.silo_done && state.executor_life != Life::kRuns; }

  // What can happen next. Throws where nothing can, but should.
  std::vector<Transition> TransitionsOf(const State& state) const {
    std::vector<Transition> found;
    const bool silo_blocked = state.silo_log.blocked_on != kNowhere;
    const bool dead = state.executor_life == Life::kDead;
    if (!state.silo_done && !silo_blocked) {
      if (!state.silo_log.at_boundary()) {
        found.push_back({Transition::kSilo, state.silo_does});
      } else if (state.received == plan_.entries) {
        found.push_back({Transition::kSilo, SiloDoes::kStop});
      } else {
        if (state.submitted < plan_.entries && state.silo.free() > 0) found.push_back({Transition::kSilo, SiloDoes::kSubmit});
        if (state.silo.outstanding() > 0) {
          found.push_back({Transition::kSilo, SiloDoes::kReap});
          found.push_back({Transition::kSilo, SiloDoes::kPark});
        }
        if (dead) found.push_back({Transition::kRecovery});
      }
    }
    if (silo_blocked && dead) found.push_back({Transition::kExitEvent});
    if (state.executor_life == Life::kRuns && state.executor_log.blocked_on == kNowhere) found.push_back({Transition::kExecutor});
    if (found.empty() && !IsEnd(state)) {
      throw Violation{std::string("nobody runs any more: the silo ") + (silo_blocked ? "is parked" : "is done") +
                      ", the executor is parked, " + std::to_string(state.received) + " entries are completed"};
    }
    // Not counted above: a death must not be what ends a deadlock.
    if (state.executor_life == Life::kRuns && state.deaths < plan_.deaths) found.push_back({Transition::kDeath});
    return found;
  }

  void Apply(State& state, const Transition& transition) const {
    std::memcpy(g_memory, state.memory, sizeof g_memory);
    switch (transition.kind) {
      case Transition::kSilo:
        StepSilo(state, transition.silo_does);
        break;
      case Transition::kExecutor:
        StepExecutor(state);
        break;
      case Transition::kDeath:
        state.executor_life = Life::kDead;
        state.executor_log = {};
        state.deaths++;
        break;
      case Transition::kExitEvent:
        state.silo_log.blocked_on = kNowhere;
        break;
      case Transition::kRecovery:
        Recover(state);
        break;
    }
    std::memcpy(state.memory, g_memory, sizeof g_memory);
  }

  // Performs one step of `operation`, which works on a copy of the state. The copy is kept when the operation ends.
  template <class Operation>
  void Step(State& state, Log State::*log, Log State::*other, Operation operation) const {
    State after = state;
    after.*log = state.*log;
    g_stepper = Stepper{.log = &(after.*log), .other = &(after.*other), .mutation = plan_.mutation};
    operation(after);
    if (g_stepper.yielded) {
      // What the ends counted is counted again when the operation goes on; what it did to the memory and to the other stays.
      state.*log = after.*log;
      (state.*other).blocked_on = (after.*other).blocked_on;
      return;
    }
    (after.*log).length = 0;
    state = after;
  }

  void StepSilo(State& state, SiloDoes does) const {
    state.silo_does = does;
    Step(state, &State::silo_log, &State::executor_log, [&](State& after) {
      switch (does) {
        case SiloDoes::kSubmit:
          after.silo.Submit(Stamped<Sqe>(after.submitted++));
          break;
        case SiloDoes::kReap:
          Reap(after);
          break;
        case SiloDoes::kPark:
          after.silo.Park(std::chrono::hours(1));
          break;
        case SiloDoes::kStop:
          after.silo.RequestStop();
          after.silo_done = true;
          break;
      }
    });
  }

  static bool Reap(State& state) {
    Cqe completion;
    if (!state.silo.Reap(completion)) return false;
    CheckStamp(completion, state.received, "the silo");
    state.received++;
    return true;
  }

  void StepExecutor(State& state) const {
    Step(state, &State::executor_log, &State::silo_log, [&](State& after) {
      switch (after.executor_at) {
        case ExecutorAt::kPoll:
          after.executor_at = after.executor.Ready() ? ExecutorAt::kRun : ExecutorAt::kStopCheck;
          break;
        case ExecutorAt::kRun: {
          const std::uint32_t job = after.first_job + (after.executor.position() - after.first_position);
          Sqe entry;
          after.executor.Take(entry);
          CheckStamp(entry, job, "the executor");
          // It runs from here on: a fact also when the executor dies before it completes.
          if (!g_stepper.yielded) state.begun = after.begun = job;
          after.executor.Complete(Stamped<Cqe>(job));
          after.executor_at = ExecutorAt::kPoll;
          break;
        }
        case ExecutorAt::kStopCheck:
          if (after.executor.StopRequested()) {
            after.executor_life = Life::kReturned;
          } else {
            after.executor_at = ExecutorAt::kPark;
          }
          break;
        case ExecutorAt::kPark:
          after.executor.Park(std::chrono::hours(1));
          after.executor_at = ExecutorAt::kPoll;
          break;
      }
    });
  }

  // As the runtime does it: completions that were published are consumed, the entry that `running` names is the suspect, the
  // ring is cleared, and what is left is submitted again to the next incarnation.
  void Recover(State& state) const {
    g_stepper = Stepper{.mutation = plan_.mutation == Mutation::kReplayWithoutDrain ? Mutation::kNone : plan_.mutation};
    if (plan_.mutation != Mutation::kReplayWithoutDrain) {
      while (Reap(state)) continue;
    }
    const bool named = state.silo.outstanding() > 0 && state.silo.IsRunning(state.silo.reaped());
    for (std::uint32_t i = 1; i < state.silo.outstanding(); i++) {
      if (state.silo.IsRunning(state.silo.reaped() + i)) throw Violation{"an entry is named as running out of order"};
    }
    if (state.begun != kNowhere && state.begun >= state.received && !named)
      throw Violation{"entry " + std::to_string(state.begun) + " was begun, and no suspect is named"};
    if (state.begun != kNowhere && state.begun > state.received)
      throw Violation{"entry " + std::to_string(state.received) + " would run again, though a later one has run"};

    memory().Initialise(memory().header().generation + 1);
    state.silo = SiloEnd<SteppedWords>(memory());
    state.silo_log = {};
    state.executor = ExecutorEnd<SteppedWords>(memory());
    state.executor_log = {};
    state.executor_at = ExecutorAt::kPoll;
    state.executor_life = Life::kRuns;
    state.first_position = 0;
    state.first_job = state.received;
    state.submitted = state.received;
    state.begun = kNowhere;
  }

  std::uint64_t HashOf(const State& state) const {
    std::uint64_t hash = 0x9e3779b97f4a7c15;
    const auto mix = [&hash](std::uint64_t value) {
      hash = (hash ^ value) * 0xff51afd7ed558ccd;
      hash ^= hash >> 32;
    };
    const auto mix_log = [&](const Log& log) {
      mix(log.length);
      mix(log.blocked_on);
      for (std::uint32_t i = 0; i < log.length; i++) mix(log.results[i]);
    };
    for (std::uint32_t i = 0; i < RingBytes(plan_.capacity) / 4; i += 2)
      mix(std::uint64_t{state.memory[i + 1]} << 32 | state.memory[i]);
    mix_log(state.silo_log);
    mix_log(state.executor_log);
    for (const std::uint32_t word :
         {state.silo.outstanding(), state.silo.reaped(), static_cast<std::uint32_t>(state.silo_does), state.submitted,
          state.received, std::uint32_t{state.silo_done}, state.executor.position(),
          static_cast<std::uint32_t>(state.executor_at), static_cast<std::uint32_t>(state.executor_life), state.first_job,
          state.begun, state.deaths})
      mix(word);
    return hash;
  }

  Plan plan_;
  Report report_;
  // Hashes stand for states: among n of them, one is taken for another with a probability of about n^2 / 2^65.
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace

Report Explore(const Plan& plan) { return Explorer(plan).Run(); }

}  // namespace gpubridge::interleaving
