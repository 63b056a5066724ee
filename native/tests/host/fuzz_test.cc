// A silo gone mad: writes what it likes into control words, slots, argument blocks, frames and headers, while another ring of the
// same host has proper work. The host answers with a status or ends with one of its exit codes; nothing of the other ring's
// work, and nothing between the two, changes.
//
// GPUBRIDGE_FUZZ_ROUNDS times as many rounds (default 1) from GPUBRIDGE_FUZZ_SEED (default 1); a failure names its seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>
#include <span>

#include "host/frames.h"
#include "host/silo.h"

namespace gpubridge::testing {
namespace {

std::uint32_t NumberFromEnvironment(const char* name, std::uint32_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10));
}

std::uint32_t Rounds(std::uint32_t usual) { return usual * NumberFromEnvironment("GPUBRIDGE_FUZZ_ROUNDS", 1); }
std::uint32_t FirstSeed() { return NumberFromEnvironment("GPUBRIDGE_FUZZ_SEED", 1); }

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : engine_(seed) {}
  // Below `sides`.
  std::uint32_t Roll(std::uint32_t sides) { return static_cast<std::uint32_t>(engine_() % sides); }
  bool OneIn(std::uint32_t sides) { return Roll(sides) == 0; }
  std::uint32_t Word() { return engine_(); }
  template <class T>
  const T& Pick(const std::vector<T>& all) {
    return all[Roll(static_cast<std::uint32_t>(all.size()))];
  }
  // A number near those at which something wraps, begins or ends.
  std::uint32_t Edge() {
    static const std::vector<std::uint32_t> kEdges = {0, 1, 2, 4, 8, 16, 64, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF};
    return OneIn(3) ? Word() : Pick(kEdges) + Roll(3) - 1;
  }

 private:
  std::mt19937 engine_;
};

void Put(std::uint32_t& word, std::uint32_t value) { std::atomic_ref(word).store(value, std::memory_order_relaxed); }

constexpr std::uint32_t kCanary = 0xC0DEC0DE;
constexpr std::uint32_t kGap = 4096;
constexpr std::uint32_t kItems = 64;

// Two tenants of one host. The victim's memory comes first, the attacker's reaches to the end of the arena, a gap of canaries
// before, between and around. Nothing in the victim's memory, read as an argument block, points into the arena, and what the
// attacker writes as an offset is outside of the arena or its own: the host cannot know whose memory is whose.
class MadSilo {
 public:
  MadSilo(std::uint32_t seed, std::uint32_t steps) : dice_(seed), steps_(steps) {
    before_ = Canaries();
    in_ = silo_.Allocate(4 * kItems);
    out_ = silo_.Allocate(4 * kItems);
    block_ = silo_.Block(kItems, {in_, out_});
    between_ = Canaries();
    own_ = silo_.Allocate(64);
    own_end_ = silo_.region().arena_offset + silo_.region().arena_bytes;
    for (std::uint32_t i = 0; i < kItems; i++) silo_.Words(in_)[i] = 0xD5555555 + i;
  }

  void Run() {
    silo_.Start();
    silo_.LoadTestKernels({kTriple, kMarkScratch, kManyViolations, kTripleGrid, kTripleGroups});
    silo_.Go();
    for (std::uint32_t step = 0; step < steps_ && !::testing::Test::HasFailure(); step++) {
      Attack(step);
      VictimWorks(step);
    }
    ExpectCanaries(before_);
    ExpectCanaries(between_);
    silo_.host().CloseInput();
    EXPECT_EQ(silo_.host().AwaitCode(), 0);
  }

  const std::set<std::uint32_t>& statuses() const { return statuses_; }

 private:
  std::uint64_t Canaries() {
    const std::uint64_t gap = silo_.Allocate(kGap);
    std::fill_n(silo_.Words(gap), kGap / 4, kCanary);
    return gap;
  }

  void ExpectCanaries(std::uint64_t gap) const {
    for (std::uint32_t i = 0; i < kGap / 4; i++) ASSERT_EQ(silo_.Words(gap)[i], kCanary) << i;
  }

  // A proper job on ring 0; the attacker goes on while it runs.
  void VictimWorks(std::uint32_t step) {
    std::fill_n(silo_.Words(out_), kItems, ~0u);
    Sqe entry = silo_.Entry(kTriple, block_, kItems);
    entry.user_data_low = step;
    ASSERT_TRUE(silo_.ring(0).Submit(entry));
    Cqe completion{};
    bool is_answered = false;
    ASSERT_TRUE(AwaitCondition([&] {
      ScribbleOnBlocks();
      is_answered = silo_.ring(0).Reap(completion);
      return is_answered || silo_.host().HasEnded();
    }) && is_answered) << "step " << step;
    ASSERT_EQ(completion.status, static_cast<std::uint32_t>(Status::kOk)) << "step " << step;
    ASSERT_EQ(completion.user_data_low, step);
    ASSERT_EQ(completion.generation, silo_.generation());
    ASSERT_EQ(completion.violations, 0u);
    for (std::uint32_t i = 0; i < kItems; i++) ASSERT_EQ(silo_.Words(out_)[i], 0x80000000 + 3 * i) << "step " << step;
  }

  void Attack(std::uint32_t step) {
    ScribbleOnBlocks();
    for (std::uint32_t i = dice_.Roll(4); i > 0; i--) SubmitNonsense();
    if (dice_.OneIn(4)) OverwriteSlot();
    if (dice_.OneIn(2)) OverwriteControlWord();
    if (step > steps_ / 2 && dice_.OneIn(200)) Put(RingOf(silo_.region(), 1).silo().stop, dice_.Edge());
    Cqe completion{};
    while (silo_.ring(1).Reap(completion)) {
      ASSERT_GE(completion.status, static_cast<std::uint32_t>(Status::kOk));
      ASSERT_LE(completion.status, static_cast<std::uint32_t>(Status::kDeviceError));
      ASSERT_EQ(completion.generation, silo_.generation());
      statuses_.insert(completion.status);
    }
  }

  // Low word of an offset, for a slot or a block.
  std::uint32_t Offset() {
    const auto [begin, end] = std::pair{static_cast<std::uint32_t>(own_), static_cast<std::uint32_t>(own_end_)};
    switch (dice_.Roll(8)) {
      case 0:
        return dice_.Roll(static_cast<std::uint32_t>(silo_.region().arena_offset));  // Head and rings.
      case 1:
        return end + dice_.Roll(3) - 1 + 16 * dice_.Roll(3);
      case 2:
        return 0x80000000 | dice_.Word();
      case 3:
        return begin + dice_.Roll(end - begin);
      default:
        return begin + dice_.Roll((end - begin) / 64) * 64;
    }
  }

  std::uint32_t HighWord() { return dice_.OneIn(8) ? dice_.Edge() : 0; }

  // The attacker's blocks stand at its first lines; these writes hit blocks that run, too.
  void ScribbleOnBlocks() {
    std::uint32_t* const block = silo_.Words(own_ + 64 * dice_.Roll(8));
    for (std::uint32_t axis = 0; axis < 4; axis++) Put(block[axis], dice_.OneIn(3) ? dice_.Edge() : kItems);
    for (std::uint32_t slot = 1; slot < 3; slot++) {
      Put(block[4 * slot], dice_.OneIn(8) ? dice_.Edge() : 0);
      Put(block[4 * slot + 1], dice_.OneIn(3) ? dice_.Edge() : kItems);
      Put(block[4 * slot + 2], Offset());
      Put(block[4 * slot + 3], HighWord());
    }
  }

  Sqe Nonsense() {
    Sqe entry = silo_.Entry(dice_.Pick<std::uint32_t>({kTriple, kMarkScratch, kManyViolations, kTripleGrid, kTripleGroups}),
                            own_ + 64 * dice_.Roll(8), dice_.Roll(kItems + 1), 1);
    if (dice_.OneIn(4)) entry.op = dice_.OneIn(2) ? dice_.Edge() : static_cast<std::uint32_t>(Op::kLoadKernel);
    if (dice_.OneIn(8)) entry.kernel = dice_.Edge();
    // A kernel that nobody sends would be waited for, which is another test's.
    if (entry.op == static_cast<std::uint32_t>(Op::kLoadKernel)) entry.kernel = kTriple;
    if (dice_.OneIn(8)) entry.generation = dice_.Edge();
    if (dice_.OneIn(4)) entry.params_low = Offset();
    if (dice_.OneIn(8)) entry.params_high = HighWord();
    if (dice_.OneIn(4)) entry.first_item = dice_.Edge();
    if (dice_.OneIn(4)) entry.item_count = dice_.Edge();
    if (dice_.OneIn(8)) entry.group = dice_.Edge();
    if (dice_.OneIn(4)) entry.mode = dice_.Edge();
    entry.deadline_low = dice_.Word();
    entry.user_data_high = dice_.Word();
    for (std::uint32_t& word : entry.reserved) word = dice_.Word();
    return entry;
  }

  void SubmitNonsense() { silo_.ring(1).Submit(Nonsense()); }

  // A slot of ring 1 that may be running, waiting or free, perhaps with a seq that publishes it.
  void OverwriteSlot() {
    const std::uint32_t position = silo_.ring(1).reaped() + dice_.Roll(8);
    Sqe& slot = RingOf(silo_.region(), 1).submission(position);
    const Sqe entry = Nonsense();
    auto* const to = reinterpret_cast<std::uint32_t*>(&slot);
    const auto* const from = reinterpret_cast<const std::uint32_t*>(&entry);
    for (std::uint32_t i = 1; i < kWordsPerLine; i++)
      if (dice_.OneIn(2)) Put(to[i], from[i]);
    if (dice_.OneIn(2)) Put(slot.seq, dice_.OneIn(2) ? position + 1 : dice_.Edge());
  }

  // Every word of the headers and of the control lines but those that would stop the victim's executor or let it sleep.
  void OverwriteControlWord() {
    const Region& region = silo_.region();
    const RingMemory<> victim = RingOf(region, 0);
    const RingMemory<> own = RingOf(region, 1);
    const auto any = [&](auto& line) {
      Put(reinterpret_cast<std::uint32_t*>(&line)[dice_.Roll(kWordsPerLine)], dice_.Edge());
    };
    switch (dice_.Roll(8)) {
      case 0:
        return any(HeaderOf(region));
      case 1:
        return any(HostLineOf(region));
      case 2:
        return any(victim.header());
      case 3:
        return any(own.header());
      case 4:
        return any(own.executor());
      case 5:
        return Put(victim.executor().running, dice_.Edge());
      case 6:
        return Put(own.silo().reaper_parked, dice_.Edge());
      default:
        return Put(own.silo().submission_bell, dice_.Edge());
    }
  }

  Dice dice_;
  const std::uint32_t steps_;
  Silo silo_{{.rings = 2, .arena_bytes = 64 << 10}};
  std::uint64_t before_ = 0, in_ = 0, out_ = 0, block_ = 0, between_ = 0, own_ = 0, own_end_ = 0;
  std::set<std::uint32_t> statuses_;
};

TEST(FuzzedHost, AnswersOrEndsAndLeavesTheOtherJobsAlone) {
  std::set<std::uint32_t> statuses;
  for (std::uint32_t round = 0; round < Rounds(10); round++) {
    SCOPED_TRACE("seed " + std::to_string(FirstSeed() + round));
    MadSilo silo(FirstSeed() + round, 2'000);
    silo.Run();
    if (HasFailure()) return;
    statuses.insert(silo.statuses().begin(), silo.statuses().end());
  }
  // The nonsense was of all kinds, and not all of it nonsense.
  for (const Status status : {Status::kOk, Status::kUnknownOp, Status::kUnknownKernel, Status::kBadArgumentBlock,
                              Status::kStaleGeneration, Status::kBadRange})
    EXPECT_TRUE(statuses.contains(static_cast<std::uint32_t>(status))) << static_cast<std::uint32_t>(status);
}

// One slot of a block, with memory of its own in the middle of canaries.
struct GuardedSlot {
  std::uint64_t offset = 0;
  std::uint32_t elements = 0;
};

// A silo whose blocks name memory that is there and columns of any length. An overrun of a kernel stays within the gaps. It
// uses one ring: that entries of two follow each other here is nothing that ThreadSanitizer sees in the host.
class CarelessSilo {
 public:
  explicit CarelessSilo(std::uint32_t seed) : dice_(seed), ring_(seed % 2) {
    const Region& region = silo_.region();
    words_ = std::span(silo_.Words(region.arena_offset), region.arena_bytes / 4);
    std::fill(words_.begin(), words_.end(), kCanary);
    for (GuardedSlot& slot : slots_) {
      silo_.Allocate(kGap);
      slot.offset = silo_.Allocate(kGap);
    }
    silo_.Allocate(kGap);
    block_ = silo_.Allocate(64);
    silo_.Start();
    silo_.LoadTestKernels({kTriple, kFillLists, kFillPairs});
    silo_.Go();
  }

  // Writes a block, runs it, and looks at all memory. Returns the status.
  Status Step() {
    const auto kernel = dice_.Pick<TestKernel>({kTriple, kFillLists, kFillPairs});
    const std::uint32_t items = dice_.Roll(kItems + 1);
    const bool is_enough = Draw(kernel, items);
    WriteBlock(items);
    const auto status = static_cast<Status>(silo_.Run(silo_.Entry(kernel, block_, items, ring_)).status);
    EXPECT_EQ(status, is_enough ? Status::kOk : Status::kBadArgumentBlock) << "kernel " << kernel << ", items " << items;
    std::fill_n(silo_.Words(block_), 16, kCanary);
    for (const GuardedSlot& slot : slots_)
      if (is_enough) std::fill_n(silo_.Words(slot.offset), slot.elements, kCanary);
    const auto changed = std::find_if(words_.begin(), words_.end(), [](std::uint32_t word) { return word != kCanary; });
    EXPECT_EQ(changed, words_.end()) << "kernel " << kernel << ", items " << items << ", word " << changed - words_.begin();
    return status;
  }

 private:
  // About as many as are needed; whether it is enough.
  bool DrawElements(std::uint32_t slot, std::uint32_t needed) {
    std::uint32_t& elements = slots_[slot].elements;
    elements = dice_.OneIn(4) ? dice_.Roll(needed + 1) : needed + dice_.Roll(3);
    return elements >= needed;
  }

  bool Draw(TestKernel kernel, std::uint32_t items) {
    for (GuardedSlot& slot : slots_) slot.elements = 0;
    if (kernel != kFillPairs) {
      const bool has_first = DrawElements(0, items);
      return DrawElements(1, kernel == kTriple ? items : 3 * items) && has_first;
    }
    DrawElements(0, items);
    const bool has_second = DrawElements(1, slots_[0].elements);
    return DrawElements(2, 16) && has_second;
  }

  void WriteBlock(std::uint32_t items) {
    std::uint32_t* const words = silo_.Words(block_);
    const std::uint32_t header[] = {items, items, 1, 1};
    std::copy_n(header, 4, words);
    for (std::uint32_t i = 0; i < 3; i++) {
      const std::uint32_t slot[] = {0, slots_[i].elements, static_cast<std::uint32_t>(slots_[i].offset), 0};
      std::copy_n(slot, 4, words + 4 * (i + 1));
    }
    // Of a workspace each executor has a part, which begins at a multiple of 64 bytes.
    slots_[2].elements = 2 * ((slots_[2].elements + 15) / 16 * 16);
  }

  Dice dice_;
  const std::uint32_t ring_;
  Silo silo_{{.rings = 2, .arena_bytes = 64 << 10}};
  std::span<std::uint32_t> words_;
  GuardedSlot slots_[3];
  std::uint64_t block_ = 0;
};

TEST(FuzzedHost, WritesOnlyInsideTheColumnsThatABlockNames) {
  for (std::uint32_t round = 0; round < Rounds(4); round++) {
    SCOPED_TRACE("seed " + std::to_string(FirstSeed() + round));
    CarelessSilo silo(FirstSeed() + round);
    std::set<Status> statuses;
    for (std::uint32_t step = 0; step < 500 && !HasFailure(); step++) statuses.insert(silo.Step());
    if (HasFailure()) return;
    EXPECT_EQ(statuses.size(), 2u);
  }
}

// A host that has ended with one of the codes it has for this, and not by a signal or a sanitizer.
void ExpectCleanEnd(HostProcess& host) {
  const int code = host.AwaitCode();
  EXPECT_TRUE(code == 0 || code == 65) << code;
  EXPECT_TRUE(code != 65 || host.lines().back().starts_with("fatal code=65 ")) << host.lines().back();
}

TEST(FuzzedHost, TakesOrRefusesAnyHeader) {
  for (std::uint32_t round = 0; round < Rounds(100); round++) {
    SCOPED_TRACE("seed " + std::to_string(FirstSeed() + round));
    Dice dice(FirstSeed() + round);
    Silo silo({.rings = 2, .arena_bytes = 64 << 10});
    silo.Start();
    auto* const words = reinterpret_cast<std::uint32_t*>(dice.OneIn(2) ? silo.region().base : silo.region().ring(1));
    for (std::uint32_t i = 1 + dice.Roll(3); i > 0; i--) {
      std::uint32_t& word = words[dice.Roll(9)];
      // The host may read it at any time: before or after.
      Put(word, dice.OneIn(2) ? dice.Edge() : word ^ 1u << dice.Roll(32));
    }
    silo.host().Send("go", "1");
    silo.host().CloseInput();
    ExpectCleanEnd(silo.host());
  }
}

TEST(FuzzedHost, TakesOrRefusesAnyFrames) {
  for (std::uint32_t round = 0; round < Rounds(100); round++) {
    SCOPED_TRACE("seed " + std::to_string(FirstSeed() + round));
    Dice dice(FirstSeed() + round);
    Silo silo;
    silo.Start();
    std::string bytes;
    for (std::uint32_t i = 1 + dice.Roll(6); i > 0; i--) {
      const std::string kernel =
          Silo::KernelFrame(dice.Edge(), "triple", kMapInOut, dice.OneIn(2) ? "map" : "grid");
      const std::string link = "entry m\nflags\nkernels 1 2\ngroup_size any\nshared_bytes 0\nfingerprint 0\n\ntext";
      bytes += dice.Pick<std::string>({HostProcess::FrameOf("kernel", kernel), HostProcess::FrameOf("link", link),
                                       HostProcess::FrameOf("seal", ""), HostProcess::FrameOf("go", "1")});
    }
    for (std::uint32_t i = dice.Roll(4); i > 0; i--) {
      const std::uint32_t at = dice.Roll(static_cast<std::uint32_t>(bytes.size()));
      switch (dice.Roll(3)) {
        case 0:
          bytes[at] = static_cast<char>(dice.Word());
          break;
        case 1:
          bytes.erase(at, 1 + dice.Roll(8));
          break;
        default:
          bytes.insert(at, 1 + dice.Roll(3), "0 \n9"[dice.Roll(4)]);
      }
      if (bytes.empty()) break;
    }
    silo.host().SendRaw(bytes);
    silo.host().CloseInput();
    ExpectCleanEnd(silo.host());
  }
}

}  // namespace
}  // namespace gpubridge::testing
