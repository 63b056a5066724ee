#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "gpubridge/region.h"
#include "memory/shared_memory.h"
#include "ring/echo.h"

namespace gpubridge {
namespace {

constexpr std::uint32_t kCapacity = 4;
constexpr std::uint32_t kGeneration = 9;

// A region in a memfd, as the silo makes it.
class HandshakeTest : public testing::Test {
 protected:
  void SetUp() override {
    SystemError error;
    memory_ = SharedMemory::Create(RegionBytes(1, kCapacity, kPageBytes), error);
    ASSERT_NE(memory_, nullptr) << error.text;
    region_ = InitialiseRegion(memory_->base(), 1, kCapacity, kPageBytes, kGeneration);
  }

  // Sends entries one by one and by the ringful, so that both sides park again and again.
  static void PingPong(SiloEnd<>& silo, std::uint32_t total) {
    Cqe completion;
    std::uint32_t sent = 0;
    for (std::uint32_t received = 0; received < total; received++) {
      const std::uint32_t wanted = received % 7 == 0 ? kCapacity : 1;
      while (sent < total && silo.outstanding() < wanted) {
        Sqe entry{};
        entry.user_data_low = sent++;
        entry.user_data_high = 7;
        entry.generation = kGeneration;
        ASSERT_TRUE(silo.Submit(entry));
      }
      // A wake-up that is lost costs the whole minute, and with it the test's own limit.
      while (!silo.Reap(completion)) silo.Park(std::chrono::minutes(1));
      ASSERT_EQ(completion.user_data_low, received);
      ASSERT_EQ(completion.user_data_high, 7u);
      ASSERT_EQ(completion.generation, kGeneration);
    }
  }

  std::shared_ptr<SharedMemory> memory_;
  Region region_;
};

TEST_F(HandshakeTest, LosesNoWakeUpBetweenThreads) {
  SiloEnd<> silo(RingOf(region_, 0));
  std::thread executor([this] { Echo(RingOf(region_, 0)); });
  PingPong(silo, 20'000);
  silo.RequestStop();
  executor.join();
  EXPECT_GT(silo.leases(), 0u);
}

TEST_F(HandshakeTest, LosesNoWakeUpBetweenProcesses) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Echo(RingOf(region_, 0));
    _exit(3);
  }
  SiloEnd<> silo(RingOf(region_, 0));
  PingPong(silo, 5'000);
  silo.RequestStop();
  if (HasFatalFailure()) kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

// What a killed executor has published stays, and the next one goes on over the same memory.
TEST_F(HandshakeTest, GoesOnWithAnotherProcessAfterAKill) {
  std::uint32_t received = 0;
  for (std::uint32_t generation = 1; generation <= 5; generation++) {
    RingOf(region_, 0).Initialise(generation);
    SiloEnd<> silo(RingOf(region_, 0));
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Echo(RingOf(region_, 0));
      _exit(3);
    }
    Cqe completion;
    const std::uint32_t until = received + 100;
    std::uint32_t sent = received;
    while (received < until) {
      Sqe entry{};
      entry.user_data_low = sent;
      while (sent < until && silo.Submit(entry)) entry.user_data_low = ++sent;
      while (!silo.Reap(completion)) silo.Park(std::chrono::minutes(1));
      ASSERT_EQ(completion.user_data_low, received);
      received++;
    }
    // One more, which the kill may find anywhere.
    Sqe last{};
    last.user_data_low = sent;
    silo.Submit(last);
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    while (silo.Reap(completion)) ASSERT_EQ(completion.user_data_low, received++);
  }
}

}  // namespace
}  // namespace gpubridge
