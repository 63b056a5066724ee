// Hosts that die, stand still or run out of memory, and what their silo finds afterwards.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/frames.h"
#include "host/sanitized.h"
#include "host/silo.h"

namespace gpubridge::testing {
namespace {

constexpr std::uint32_t kItems = 16;

class Death : public ::testing::Test {
 protected:
  explicit Death(SiloOptions options = {})
      : silo_(std::move(options)),
        out_(silo_.Allocate(4 * kItems)),
        block_(silo_.Block(kItems, {silo_.Allocate(4 * kItems), out_})),
        gate_(silo_.Allocate(4)) {}

  Sqe Triple() const { return silo_.Entry(kTriple, block_, kItems); }
  Sqe WaitForGate() { return silo_.Entry(kWaitForWord, silo_.Block(1, {gate_}), 1); }
  void OpenGate() { std::atomic_ref(*silo_.Words(gate_)).store(1); }

  void ExpectRuns() {
    std::atomic_ref(*silo_.Words(out_)).store(0);
    EXPECT_EQ(silo_.Run(Triple()).status, static_cast<std::uint32_t>(Status::kOk));
    EXPECT_EQ(silo_.Words(out_)[0], 1u);
  }

  // Entries before and after one that crashes: the ones before are answered, that one is named.
  void ExpectCrash(std::uint32_t kernel) {
    silo_.Serve();
    for (int i = 0; i < 3; i++) ASSERT_TRUE(silo_.ring().Submit(Triple()));
    ASSERT_TRUE(silo_.ring().Submit(silo_.Entry(kernel, silo_.Block(1, {}), 1)));
    ASSERT_TRUE(silo_.ring().Submit(Triple()));
    const int code = silo_.host().AwaitCode();
    Cqe completion;
    for (int i = 0; i < 3; i++) EXPECT_TRUE(silo_.ring().Reap(completion));
    EXPECT_FALSE(silo_.ring().Reap(completion));
    EXPECT_TRUE(silo_.ring().IsRunning(3));
    if (kSanitized) {
      EXPECT_NE(code, 0);
      return;
    }
    EXPECT_EQ(code, -SIGSEGV);
    EXPECT_EQ(silo_.host().lines().back(), "fatal code=139 reason=SIGSEGV");
    EXPECT_EQ(silo_.host_line().state, static_cast<std::uint32_t>(HostState::kFaulted));
    EXPECT_EQ(silo_.host_line().fault, static_cast<std::uint32_t>(SIGSEGV));
  }

  Silo silo_;
  std::uint64_t out_;
  std::uint64_t block_;
  std::uint64_t gate_;
};

TEST_F(Death, NamesTheEntryThatWroteWhereThereIsNoMemory) { ExpectCrash(kWriteNowhere); }

TEST_F(Death, NamesTheEntryThatRanOutOfStack) { ExpectCrash(kOverflowStack); }

TEST_F(Death, IsFollowedByAnotherHostOnTheSameMemory) {
  silo_.Serve();
  for (int kill = 0; kill < 3; kill++) {
    const std::uint32_t suspect = silo_.ring().reaped();
    ASSERT_TRUE(silo_.ring().Submit(WaitForGate()));
    ASSERT_TRUE(silo_.ring().Submit(Triple()));
    ASSERT_TRUE(AwaitCondition([&] { return silo_.ring().IsRunning(suspect); }));
    silo_.host().Signal(SIGKILL);
    EXPECT_EQ(silo_.host().AwaitCode(), -SIGKILL);
    silo_.Serve();
    EXPECT_EQ(silo_.host_line().generation, silo_.generation());
    ExpectRuns();
    // What belongs to the dead one is refused.
    Sqe stale = Triple();
    stale.generation--;
    EXPECT_EQ(silo_.Run(stale).status, static_cast<std::uint32_t>(Status::kStaleGeneration));
  }
}

TEST_F(Death, LeavesToAStandbyThatWaitedForGo) {
  silo_.Serve();
  ExpectRuns();
  const std::uint32_t beats = std::atomic_ref(silo_.host_line().heartbeat).load();
  HostProcess standby(HostArguments(silo_.region_fd(), 1, {"--standby", "true"}), silo_.region_fd());
  standby.Send("kernel", Silo::FrameOf(kTriple));
  EXPECT_EQ(standby.Await("kernel"), "kernel number=1");
  EXPECT_EQ(standby.Await("standby"), "standby");
  // It touched nothing: the other one still serves.
  EXPECT_EQ(silo_.host_line().generation, 1u);
  EXPECT_TRUE(AwaitCondition([&] { return std::atomic_ref(silo_.host_line().heartbeat).load() != beats; }));
  ExpectRuns();
  silo_.host().Signal(SIGKILL);
  silo_.host().AwaitEnd();

  RingOf(silo_.region(), 0).Initialise(2);
  SiloEnd<> ring(RingOf(silo_.region(), 0));
  standby.Send("go", "2");
  EXPECT_EQ(standby.Await("serving"), "serving generation=2");
  EXPECT_EQ(silo_.host_line().generation, 2u);
  Sqe entry = Triple();
  entry.generation = 2;
  ASSERT_TRUE(ring.Submit(entry));
  Cqe completion{};
  ASSERT_TRUE(AwaitCondition([&] { return ring.Reap(completion); }));
  EXPECT_EQ(completion.status, static_cast<std::uint32_t>(Status::kOk));
}

TEST_F(Death, IsNotWhatStandingStillIs) {
  silo_.Serve();
  silo_.host().Signal(SIGSTOP);
  int status = 0;
  ASSERT_EQ(waitpid(silo_.host().pid(), &status, WUNTRACED), silo_.host().pid());
  ASSERT_TRUE(WIFSTOPPED(status));
  const std::uint32_t beats = std::atomic_ref(silo_.host_line().heartbeat).load();
  ASSERT_TRUE(silo_.ring().Submit(Triple()));
  // Five beats long there is none.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(std::atomic_ref(silo_.host_line().heartbeat).load(), beats);
  EXPECT_FALSE(silo_.ring().Ready());
  silo_.host().Signal(SIGCONT);
  EXPECT_EQ(silo_.AwaitCompletion().status, static_cast<std::uint32_t>(Status::kOk));
  EXPECT_TRUE(AwaitCondition([&] { return std::atomic_ref(silo_.host_line().heartbeat).load() != beats; }));
}

TEST_F(Death, OfASiloInTheMiddleOfASlotRunsNothing) {
  silo_.Serve();
  Sqe half = silo_.Entry(kWriteNowhere, silo_.Block(1, {}), 1);
  const RingMemory<> memory = RingOf(silo_.region(), 0);
  SharedWords::Copy(&memory.submission(0).op, &half.op, kWordsPerLine - 1);
  // It has looked at the slot, found nothing and parked.
  ASSERT_TRUE(AwaitCondition([&] { return silo_.ring().IsExecutorParked(); }));
  SharedWords::Ring(memory.silo().submission_bell);
  EXPECT_FALSE(silo_.ring().IsRunning(0));
  ExpectRuns();
}

TEST_F(Death, ComesNotByTheSignalsThatEndASilo) {
  silo_.Serve();
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) silo_.host().Signal(number);
  ExpectRuns();
  silo_.host().CloseInput();
  EXPECT_EQ(silo_.host().AwaitCode(), 0);
}

TEST_F(Death, WaitsForTheEntryThatRuns) {
  silo_.Serve();
  ASSERT_TRUE(silo_.ring().Submit(WaitForGate()));
  ASSERT_TRUE(AwaitCondition([&] { return silo_.ring().IsRunning(0); }));
  silo_.host().CloseInput();
  OpenGate();
  EXPECT_EQ(silo_.host().AwaitCode(), 0);
  EXPECT_TRUE(silo_.ring().Ready());
}

TEST(OrphanedHost, DiesWithItsSilo) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  Silo silo;
  RingOf(silo.region(), 0).Initialise(1);
  int report[2];
  ASSERT_EQ(pipe2(report, O_CLOEXEC), 0);
  // The host's input stays open in this process, so that its end is not what ends the host.
  int input[2];
  ASSERT_EQ(pipe2(input, O_CLOEXEC), 0);
  const pid_t parent = fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    const std::string silo_pid = std::to_string(getpid());
    const pid_t host = fork();
    if (host == 0) {
      dup2(input[0], STDIN_FILENO);
      dup2(report[1], STDOUT_FILENO);
      fcntl(silo.region_fd(), F_SETFD, 0);
      const std::string fd = std::to_string(silo.region_fd());
      execl(GPUBRIDGE_DEVICE_HOST, "device-host", "--backend", "cpu", "--device", "0", "--region-fd", fd.c_str(),
            "--generation", "1", "--silo-pid", silo_pid.c_str(), nullptr);
      _exit(127);
    }
    dprintf(report[1], "%d\n", host);
    pause();
    _exit(0);
  }
  close(report[1]);
  std::string said;
  for (char c = 0; said.find("opened") == std::string::npos && read(report[0], &c, 1) == 1;) said += c;
  const pid_t host = std::stoi(said);
  kill(parent, SIGKILL);
  int status = 0;
  EXPECT_EQ(waitpid(parent, &status, 0), parent);
  EXPECT_EQ(waitpid(host, &status, 0), host);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  for (const int fd : {report[0], input[0], input[1]}) close(fd);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST(OrphanedHost, EndsWhereItsSiloIsNotItsParent) {
  Silo silo({.arguments = {"--silo-pid", "1"}});
  silo.Start();
  EXPECT_EQ(silo.host().AwaitCode(), 0);
}

TEST(HostWithoutMemory, SaysSoAndEnds) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer needs all address space";
  Silo silo;
  silo.Serve();
  silo.host().LimitMemory(16 << 20);
  // A frame within the limits of a frame that grows beyond those of the process.
  silo.host().SendRaw("kernel " + std::to_string(FrameCutter::kMostPayloadBytes) + "\n");
  const std::string part(1 << 20, 'x');
  for (std::size_t sent = 0; sent < FrameCutter::kMostPayloadBytes; sent += part.size()) silo.host().SendRaw(part);
  EXPECT_EQ(silo.host().AwaitCode(), 71);
  EXPECT_EQ(silo.host().lines().back(), "fatal code=71 reason=out%20of%20memory");
  EXPECT_EQ(silo.host_line().state, static_cast<std::uint32_t>(HostState::kFaulted));
  EXPECT_EQ(silo.host_line().fault, static_cast<std::uint32_t>(ENOMEM));
}

}  // namespace
}  // namespace gpubridge::testing
