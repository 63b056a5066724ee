#include "gpubridge/ring.h"

#include <gtest/gtest.h>

#include <vector>

namespace gpubridge {
namespace {

// A ring in memory of this process.
class RingTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  static constexpr std::uint32_t kCapacity = 4;

  RingTest() { memory().Initialise(7); }
  RingMemory<> memory() { return {reinterpret_cast<std::uint8_t*>(lines_.data()), kCapacity}; }

  struct alignas(kLineBytes) Line {
    std::uint32_t words[kWordsPerLine];
  };
  std::vector<Line> lines_{RingBytes(kCapacity) / kLineBytes};
};

Sqe EntryOf(std::uint32_t user_data) {
  Sqe entry{};
  entry.op = static_cast<std::uint32_t>(Op::kRun);
  entry.user_data_low = user_data;
  entry.mode = 3;
  return entry;
}

void Echo(ExecutorEnd<>& executor) {
  Sqe entry;
  executor.Take(entry);
  Cqe completion{};
  completion.status = static_cast<std::uint32_t>(Status::kOk);
  completion.user_data_low = entry.user_data_low;
  completion.mode = entry.mode;
  executor.Complete(completion);
}

TEST_F(RingTest, LaysOutThreeControlLinesAndTwoQueues) {
  EXPECT_EQ(RingBytes(1), 5u * 64);
  EXPECT_EQ(RingBytes(16), 35u * 64);
  const auto offset = [&](const auto& line) {
    return (reinterpret_cast<const std::uint8_t*>(&line) - reinterpret_cast<std::uint8_t*>(lines_.data())) / 64;
  };
  EXPECT_EQ(offset(memory().submission(0)), 3);
  EXPECT_EQ(offset(memory().submission(7)), 6);
  EXPECT_EQ(offset(memory().completion(0)), 7);
  EXPECT_EQ(offset(memory().completion(7)), 10);
}

TEST_F(RingTest, KnowsTheHeaderThatItWrote) {
  EXPECT_TRUE(memory().HeaderMatches());
  EXPECT_EQ(memory().header().generation, 7u);
  for (std::uint32_t* word : {&memory().header().magic, &memory().header().version, &memory().header().capacity}) {
    ++*word;
    EXPECT_FALSE(memory().HeaderMatches());
    --*word;
  }
}

// The parameter is the first position; near 2^32 seq and positions wrap.
TEST_P(RingTest, KeepsOrderAndFieldsAndNeverHoldsMoreThanTheCapacity) {
  SiloEnd<> silo(memory(), GetParam());
  ExecutorEnd<> executor(memory(), GetParam());
  Cqe completion;
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
  for (int round = 0; round < 20; round++) {
    while (silo.Submit(EntryOf(sent))) sent++;
    EXPECT_EQ(silo.outstanding(), kCapacity);
    EXPECT_FALSE(silo.Reap(completion));
    for (int i = 0; i <= round % 4; i++) {
      ASSERT_TRUE(executor.Ready());
      Echo(executor);
      EXPECT_EQ(executor.running(), executor.position());
    }
    while (silo.Reap(completion)) {
      EXPECT_EQ(completion.user_data_low, received);
      EXPECT_EQ(completion.mode, 3u);
      EXPECT_EQ(completion.seq, GetParam() + received + 1);
      received++;
    }
  }
  EXPECT_EQ(sent, received + silo.outstanding());
}
INSTANTIATE_TEST_SUITE_P(FirstPosition, RingTest, testing::Values(0u, 0xffff'fff0u));

TEST_F(RingTest, NamesTheEntryThatRuns) {
  SiloEnd<> silo(memory());
  ExecutorEnd<> executor(memory());
  silo.Submit(EntryOf(1));
  silo.Submit(EntryOf(2));
  EXPECT_FALSE(silo.IsRunning(0));
  Sqe entry;
  executor.Peek(entry);
  EXPECT_EQ(entry.user_data_low, 1u);
  EXPECT_FALSE(silo.IsRunning(0));
  executor.Take(entry);
  EXPECT_TRUE(silo.IsRunning(0));
  EXPECT_FALSE(silo.IsRunning(1));
}

TEST_F(RingTest, GoesOnWhereAnotherConsumerLeftOff) {
  SiloEnd<> silo(memory());
  ExecutorEnd<> resident(memory());
  for (std::uint32_t i = 0; i < 3; i++) silo.Submit(EntryOf(i));
  Echo(resident);
  Echo(resident);
  ExecutorEnd<> executor(memory());
  executor.ContinueAt(resident.running());
  ASSERT_TRUE(executor.Ready());
  Echo(executor);
  EXPECT_FALSE(executor.Ready());
  Cqe completion;
  for (std::uint32_t i = 0; i < 3; i++) {
    ASSERT_TRUE(silo.Reap(completion));
    EXPECT_EQ(completion.user_data_low, i);
  }
}

TEST_F(RingTest, RingsABellOnlyForAPartnerThatIsParked) {
  SiloEnd<> silo(memory());
  ExecutorEnd<> executor(memory());
  silo.Submit(EntryOf(1));
  Echo(executor);
  EXPECT_EQ(memory().silo().submission_bell, 0u);
  EXPECT_EQ(memory().executor().completion_bell, 0u);
  memory().executor().parked = 1;
  memory().silo().reaper_parked = 1;
  silo.Submit(EntryOf(2));
  Echo(executor);
  EXPECT_EQ(memory().silo().submission_bell, 1u);
  EXPECT_EQ(memory().executor().completion_bell, 1u);
  silo.RequestStop();
  EXPECT_EQ(memory().silo().submission_bell, 2u);
  EXPECT_TRUE(executor.StopRequested());
}

TEST_F(RingTest, DoesNotParkWhenThereIsSomethingToDo) {
  SiloEnd<> silo(memory());
  ExecutorEnd<> executor(memory());
  silo.Submit(EntryOf(1));
  executor.Park(std::chrono::hours(1));
  EXPECT_FALSE(silo.IsExecutorParked());
  Echo(executor);
  silo.Park(std::chrono::hours(1));
  EXPECT_EQ(memory().silo().reaper_parked, 0u);
  silo.RequestStop();
  executor.Park(std::chrono::hours(1));
}

TEST_F(RingTest, ParksNoLongerThanItIsTold) {
  ExecutorEnd<> executor(memory());
  SiloEnd<> silo(memory());
  executor.Park(std::chrono::milliseconds(1));
  silo.Park(std::chrono::milliseconds(1));
  EXPECT_EQ(memory().executor().parked, 0u);
  EXPECT_EQ(memory().silo().reaper_parked, 0u);
}

TEST_F(RingTest, CountsLeasesAndBeats) {
  ExecutorEnd<> executor(memory());
  SiloEnd<> silo(memory());
  executor.BeginLease();
  executor.Beat();
  executor.Beat();
  EXPECT_EQ(silo.leases(), 1u);
  EXPECT_EQ(silo.heartbeat(), 2u);
}

TEST_F(RingTest, ForgetsEverythingWhenItIsInitialisedAgain) {
  SiloEnd<>(memory()).Submit(EntryOf(1));
  memory().Initialise(8);
  EXPECT_FALSE(ExecutorEnd<>(memory()).Ready());
  EXPECT_EQ(memory().header().generation, 8u);
}

}  // namespace
}  // namespace gpubridge
