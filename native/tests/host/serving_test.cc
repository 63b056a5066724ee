// The host as a silo sees it when nothing goes wrong, and what it answers to entries that make no sense.
#include <gtest/gtest.h>

#include <limits>

#include "host/silo.h"

namespace gpubridge::testing {
namespace {

constexpr std::uint32_t kItems = 64;

class Serving : public ::testing::Test {
 protected:
  Serving() : in_(silo_.Allocate(4 * kItems)), out_(silo_.Allocate(4 * kItems)), block_(silo_.Block(kItems, {in_, out_})) {
    for (std::uint32_t i = 0; i < kItems; i++) silo_.Words(in_)[i] = i;
  }

  Status StatusOf(const Sqe& entry) {
    Sqe numbered = entry;
    numbered.user_data_low = ++user_data_;
    const Cqe completion = silo_.Run(numbered);
    EXPECT_EQ(completion.user_data_low, user_data_);
    EXPECT_EQ(completion.generation, silo_.generation());
    EXPECT_EQ(completion.mode, static_cast<std::uint32_t>(Mode::kResident));
    return static_cast<Status>(completion.status);
  }

  Sqe Triple() const { return silo_.Entry(kTriple, block_, kItems); }

  void ExpectTripled() const {
    for (std::uint32_t i = 0; i < kItems; i++) ASSERT_EQ(silo_.Words(out_)[i], 3 * i + 1);
  }

  Silo silo_{{.rings = 2}};
  std::uint64_t in_;
  std::uint64_t out_;
  std::uint64_t block_;
  std::uint32_t user_data_ = 0;
};

TEST_F(Serving, SaysWhatItOpenedAndRunsKernels) {
  silo_.Serve();
  const auto& lines = silo_.host().lines();
  ASSERT_FALSE(lines.empty());
  EXPECT_TRUE(lines[0].starts_with("opened name=")) << lines[0];
  EXPECT_NE(lines[0].find(" mode=resident coherent=true executors="), std::string::npos) << lines[0];
  EXPECT_EQ(lines[1], "kernel number=1");
  EXPECT_EQ(silo_.host_line().state, static_cast<std::uint32_t>(HostState::kServing));
  EXPECT_EQ(silo_.host_line().generation, 1u);

  EXPECT_EQ(StatusOf(Triple()), Status::kOk);
  ExpectTripled();
}

TEST_F(Serving, RunsThousandsOfEntriesOfTwoRingsInOrder) {
  silo_.Serve();
  std::uint32_t sent[2] = {0, 0};
  std::uint32_t got[2] = {0, 0};
  constexpr std::uint32_t kTotal = 5'000;
  while (got[0] + got[1] < 2 * kTotal) {
    for (std::uint32_t group = 0; group < 2; group++) {
      Sqe entry = silo_.Entry(kTriple, block_, 1, group);
      entry.first_item = group;  // Executors share no item, as in a runtime that gives each its range.
      entry.user_data_low = sent[group];
      while (sent[group] < kTotal && silo_.ring(group).Submit(entry)) entry.user_data_low = ++sent[group];
      if (got[group] == kTotal) continue;
      const Cqe completion = silo_.AwaitCompletion(group);
      ASSERT_EQ(completion.user_data_low, got[group]++);
      ASSERT_EQ(completion.status, static_cast<std::uint32_t>(Status::kOk));
    }
  }
}

TEST_F(Serving, GivesEachExecutorItsScratch) {
  silo_.Serve();
  const std::uint64_t scratch = silo_.Allocate(2 * 64);
  const std::uint64_t block = silo_.Block(5, {scratch});
  EXPECT_EQ(StatusOf(silo_.Entry(kMarkScratch, block, 1, 0)), Status::kOk);
  EXPECT_EQ(StatusOf(silo_.Entry(kMarkScratch, block, 1, 1)), Status::kOk);
  for (std::uint32_t i = 0; i < 32; i++)
    EXPECT_EQ(silo_.Words(scratch)[i], i % 16 < 5 ? i / 16 + 1 : 0) << i;
}

TEST_F(Serving, SaturatesViolations) {
  silo_.Serve();
  const Cqe completion = silo_.Run(silo_.Entry(kManyViolations, silo_.Block(1, {}), 1));
  EXPECT_EQ(completion.status, static_cast<std::uint32_t>(Status::kOk));
  EXPECT_EQ(completion.violations, std::numeric_limits<std::uint32_t>::max());
}

TEST_F(Serving, RefusesEntriesOfAnotherGenerationOperationOrKernel) {
  silo_.Serve();
  Sqe entry = Triple();
  entry.generation++;
  EXPECT_EQ(StatusOf(entry), Status::kStaleGeneration);
  entry = Triple();
  entry.op = 77;
  EXPECT_EQ(StatusOf(entry), Status::kUnknownOp);
  for (const std::uint32_t kernel : {0u, 99u, 65'535u, 65'536u, std::numeric_limits<std::uint32_t>::max()}) {
    entry = Triple();
    entry.kernel = kernel;
    EXPECT_EQ(StatusOf(entry), Status::kUnknownKernel);
  }
  EXPECT_EQ(silo_.Words(out_)[0], 0u);
}

TEST_F(Serving, RefusesRangesOutsideTheBlock) {
  silo_.Serve();
  Sqe entry = Triple();
  entry.group = 1;
  ASSERT_TRUE(silo_.ring(0).Submit(entry));
  EXPECT_EQ(silo_.AwaitCompletion(0).status, static_cast<std::uint32_t>(Status::kBadRange));
  const std::pair<std::uint32_t, std::uint32_t> ranges[] = {
      {0, kItems + 1}, {kItems, 1}, {1, kItems}, {1, ~0u}, {~0u, 1}, {~0u, ~0u}};
  for (const auto& [first, count] : ranges) {
    entry = Triple();
    entry.first_item = first;
    entry.item_count = count;
    EXPECT_EQ(StatusOf(entry), Status::kBadRange) << first << " " << count;
  }
  EXPECT_EQ(silo_.Words(out_)[0], 0u);
  entry.first_item = kItems;
  entry.item_count = 0;
  EXPECT_EQ(StatusOf(entry), Status::kOk);
}

TEST_F(Serving, CountsIdsAndGroupsOfGrids) {
  silo_.Serve();
  silo_.Words(block_)[1] = 9;
  silo_.Words(block_)[2] = 3;
  silo_.Words(block_)[3] = 2;
  EXPECT_EQ(StatusOf(silo_.Entry(kTripleGrid, block_, 54)), Status::kOk);
  EXPECT_EQ(StatusOf(silo_.Entry(kTripleGrid, block_, 55)), Status::kBadRange);
  EXPECT_EQ(StatusOf(silo_.Entry(kTripleGroups, block_, 8)), Status::kOk);
  EXPECT_EQ(StatusOf(silo_.Entry(kTripleGroups, block_, 9)), Status::kBadRange);
  // 2^96 ids are more than can be counted, and none of the columns' business.
  for (int axis = 1; axis <= 3; axis++) silo_.Words(block_)[axis] = ~0u;
  const Cqe completion = silo_.Run(silo_.Entry(kTripleGrid, block_, kItems + 3));
  EXPECT_EQ(completion.status, static_cast<std::uint32_t>(Status::kOk));
  EXPECT_EQ(completion.violations, 3u);
  for (int axis = 1; axis <= 3; axis++) silo_.Words(block_)[axis] = axis == 2 ? 0 : ~0u;
  EXPECT_EQ(StatusOf(silo_.Entry(kTripleGrid, block_, 1)), Status::kBadRange);
}

TEST_F(Serving, RefusesBlocksThatAreNotInTheArena) {
  silo_.Serve();
  const Region& region = silo_.region();
  const std::uint64_t end = region.arena_offset + region.arena_bytes;
  const std::uint64_t offsets[] = {0,        16,       region.rings_offset,          region.arena_offset - 16, end - 16,
                                   end - 32, end,      block_ + 8,                   block_ + 1,               1ull << 32,
                                   ~0ull,    ~0ull - 15, ~0ull - 47 /* wraps */};
  for (const std::uint64_t offset : offsets)
    EXPECT_EQ(StatusOf(silo_.Entry(kTriple, offset, 1)), Status::kBadArgumentBlock) << offset;
}

TEST_F(Serving, RefusesSlotsThatPointOutsideTheArena) {
  silo_.Serve();
  const Region& region = silo_.region();
  const std::uint64_t end = region.arena_offset + region.arena_bytes;
  std::uint32_t* const slot = silo_.Words(block_) + 4;
  const auto expect = [&](std::uint32_t space, std::uint32_t count, std::uint64_t offset) {
    slot[0] = space;
    slot[1] = count;
    slot[2] = static_cast<std::uint32_t>(offset);
    slot[3] = static_cast<std::uint32_t>(offset >> 32);
    EXPECT_EQ(StatusOf(Triple()), Status::kBadArgumentBlock) << space << " " << count << " " << offset;
  };
  expect(1, kItems, in_);
  expect(0, kItems, 0);
  expect(0, kItems, region.arena_offset - 4);
  expect(0, kItems, end - 4 * kItems + 4);
  expect(0, 1, end);
  expect(0, ~0u, in_);
  expect(0, kItems, in_ + 2);
  expect(0, kItems, ~0ull - 3);
  expect(0, kItems, 1ull << 63);
  EXPECT_EQ(silo_.Words(out_)[0], 0u);
  // Scratch has a region per executor: room for one is not enough.
  const std::uint64_t scratch = silo_.Block(16, {end - 64});
  EXPECT_EQ(StatusOf(silo_.Entry(kMarkScratch, scratch, 1)), Status::kBadArgumentBlock);
  silo_.Words(scratch)[6] = static_cast<std::uint32_t>(end - 128);
  EXPECT_EQ(StatusOf(silo_.Entry(kMarkScratch, scratch, 1)), Status::kOk);
}

TEST_F(Serving, RefusesColumnsShorterThanTheKernelReliesOn) {
  silo_.Serve();
  for (const int slot : {1, 2}) {
    silo_.Words(block_)[4 * slot + 1] = kItems - 1;
    EXPECT_EQ(StatusOf(Triple()), Status::kBadArgumentBlock) << slot;
    silo_.Words(block_)[4 * slot + 1] = kItems;
  }
  EXPECT_EQ(silo_.Words(out_)[0], 0u);
  silo_.Words(block_)[0] = kItems - 1;  // Columns may be longer.
  EXPECT_EQ(StatusOf(silo_.Entry(kTriple, block_, kItems - 1)), Status::kOk);

  // Ids of a grid may outnumber its elements, but not the elements of a first column those of the others.
  const std::uint64_t pairs = silo_.Block(16, {silo_.Allocate(64), silo_.Allocate(64), silo_.Allocate(2 * 64)});
  std::uint32_t* const words = silo_.Words(pairs);
  EXPECT_EQ(StatusOf(silo_.Entry(kFillPairs, pairs, 16)), Status::kOk);
  words[5] = 15;
  EXPECT_EQ(StatusOf(silo_.Entry(kFillPairs, pairs, 16)), Status::kOk);
  words[9] = 14;
  EXPECT_EQ(StatusOf(silo_.Entry(kFillPairs, pairs, 16)), Status::kBadArgumentBlock);
  words[9] = 15;
  words[13] = 0;  // A workspace that claims to be empty is written to as any other.
  EXPECT_EQ(StatusOf(silo_.Entry(kFillPairs, pairs, 16)), Status::kBadArgumentBlock);
}

TEST_F(Serving, LoadsKernelsWhileItServes) {
  silo_.Start();
  silo_.Go();
  // The entry is there before the frame: it waits.
  Sqe load = silo_.Entry(kTriple, 0, 0);
  load.op = static_cast<std::uint32_t>(Op::kLoadKernel);
  ASSERT_TRUE(silo_.ring().Submit(load));
  ASSERT_TRUE(silo_.ring().Submit(Triple()));
  silo_.LoadTestKernels();
  EXPECT_EQ(silo_.AwaitCompletion().status, static_cast<std::uint32_t>(Status::kOk));
  EXPECT_EQ(silo_.AwaitCompletion().status, static_cast<std::uint32_t>(Status::kOk));
  ExpectTripled();
  EXPECT_EQ(StatusOf(load), Status::kOk);
}

TEST_F(Serving, SaysWhyAKernelIsRefusedAndRunsTheOthers) {
  silo_.Serve();
  silo_.host().Send("kernel", Silo::KernelFrame(50, "no_such_function", ""));
  EXPECT_TRUE(silo_.host().Await("refused").starts_with("refused number=50 log=no%20function"));
  silo_.host().Send("kernel", "number 51\nid a@b\nkind map\nentry f\nlibrary /no/such/file.so\n\n");
  EXPECT_TRUE(silo_.host().Await("refused").starts_with("refused number=51 log=/no/such/file.so"));
  silo_.host().Send("kernel", "number 52\nid a@b\nkind map\nentry f\nlibrary libc.so.6\n\n");
  EXPECT_TRUE(silo_.host().Await("refused").starts_with("refused number=52 log="));
  silo_.host().Send("kernel", "number 65536\nid a@b\nkind map\nentry f\n\n");
  EXPECT_TRUE(silo_.host().Await("refused").starts_with("refused number=65536 log="));
  silo_.host().Send("kernel", Silo::KernelFrame(kTriple, "another_under_its_number", ""));
  EXPECT_TRUE(silo_.host().Await("refused").starts_with("refused number=1 log="));
  silo_.host().Send("seal");
  EXPECT_EQ(silo_.host().Await("sealed"), "sealed kernels= cached=false");

  Sqe load = silo_.Entry(50, 0, 0);
  load.op = static_cast<std::uint32_t>(Op::kLoadKernel);
  EXPECT_EQ(StatusOf(load), Status::kLoadFailed);
  EXPECT_EQ(StatusOf(silo_.Entry(50, block_, 1)), Status::kUnknownKernel);
  EXPECT_EQ(StatusOf(Triple()), Status::kOk);
}

TEST_F(Serving, IsWokenAgainAndAgain) {
  Silo silo{{.arguments = {"--idle-park-us", "0"}}};
  silo.Serve();
  const std::uint64_t block = silo.Block(1, {silo.Allocate(4), silo.Allocate(4)});
  for (int i = 0; i < 2'000; i++)
    ASSERT_EQ(silo.Run(silo.Entry(kTriple, block, 1)).status, static_cast<std::uint32_t>(Status::kOk));
  EXPECT_GT(silo.ring().leases(), 1u);
  EXPECT_GT(silo.ring().heartbeat(), 0u);
  EXPECT_TRUE(AwaitCondition([&] { return silo.ring().IsExecutorParked(); }));
}

TEST_F(Serving, EmptiesARingThatIsStoppedAndEndsWithTheLastOne) {
  silo_.Serve();
  const std::uint64_t gate = silo_.Allocate(4);
  ASSERT_TRUE(silo_.ring(0).Submit(silo_.Entry(kWaitForWord, silo_.Block(1, {gate}), 1)));
  for (int i = 0; i < 5; i++) ASSERT_TRUE(silo_.ring(0).Submit(Triple()));
  silo_.ring(0).RequestStop();
  silo_.ring(1).RequestStop();
  std::atomic_ref(*silo_.Words(gate)).store(1);
  EXPECT_EQ(silo_.host().AwaitCode(), 0);
  for (int i = 0; i < 6; i++) {
    Cqe completion;
    ASSERT_TRUE(silo_.ring(0).Reap(completion));
    EXPECT_EQ(completion.status, static_cast<std::uint32_t>(Status::kOk));
  }
  ExpectTripled();
  EXPECT_EQ(silo_.host_line().state, static_cast<std::uint32_t>(HostState::kStopped));
}

TEST_F(Serving, EndsWithTheFramesAlsoWhenAKernelHangs) {
  silo_.Serve();
  ASSERT_TRUE(silo_.ring(0).Submit(silo_.Entry(kWaitForWord, silo_.Block(1, {silo_.Allocate(4)}), 1)));
  ASSERT_TRUE(AwaitCondition([&] { return silo_.ring(0).IsRunning(0); }));
  silo_.host().CloseInput();
  EXPECT_EQ(silo_.host().AwaitCode(), 0);
  EXPECT_EQ(silo_.host_line().state, static_cast<std::uint32_t>(HostState::kStopped));
}

}  // namespace
}  // namespace gpubridge::testing
