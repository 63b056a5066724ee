// Serve on a real driver: leases of resident kernels, how they end, and what else can run meanwhile.
#include <atomic>
#include <thread>

#include "backends/opencl/linked_text.h"
#include "backends/opencl/opencl_fixture.h"

namespace gpubridge {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kLimit{120};
constexpr std::uint32_t kItems = 8;

// What an executor thread of the host does, as far as the backend sees it.
class ServingThread {
 public:
  ServingThread(Backend& backend, const Region& region, LeaseLimits limits)
      : backend_(backend), ring_(RingOf(region, 0)), limits_(limits), thread_([this] { Serve(); }) {}
  // Also where a test ended early.
  ~ServingThread() {
    SharedWords::Store(ring_.memory().silo().stop, 1);
    ring_.memory().Wake(ring_.memory().executor().parked, ring_.memory().silo().submission_bell);
    thread_.join();
  }

  std::uint32_t ended(LeaseEnd end) const { return ends_[static_cast<std::size_t>(end)].load(); }
  std::uint32_t launched() const { return launched_.load(); }

 private:
  void Serve() {
    for (;;) {
      while (!ring_.Ready()) {
        if (ring_.StopRequested() && !ring_.Ready()) return;
        ring_.Park(std::chrono::milliseconds(100));
      }
      Sqe entry;
      ring_.Peek(entry);
      LeaseEnd end = LeaseEnd::kForeign;
      if (backend_.IsResident(entry.kernel) && entry.mode != static_cast<std::uint32_t>(Mode::kLaunched)) {
        end = backend_.Serve(0, limits_);
        ring_.ContinueAt(ring_.running());
        ends_[static_cast<std::size_t>(end)]++;
        if (end == LeaseEnd::kFailed) return;
      }
      if (end == LeaseEnd::kForeign && ring_.Ready()) RunNext();
    }
  }

  void RunNext() {
    Sqe entry;
    ring_.Take(entry);
    const Outcome outcome = backend_.Run(entry);
    launched_++;
    Cqe completion{};
    completion.status = static_cast<std::uint32_t>(outcome.status);
    completion.user_data_low = entry.user_data_low;
    completion.generation = 1;
    completion.mode = static_cast<std::uint32_t>(Mode::kLaunched);
    ring_.Complete(completion);
  }

  Backend& backend_;
  ExecutorEnd<> ring_;
  LeaseLimits limits_;
  std::atomic<std::uint32_t> ends_[5] = {};
  std::atomic<std::uint32_t> launched_{0};
  std::thread thread_;
};

class OpenClResident : public testing::Test {
 protected:
  // One folder for all: what the first test builds, the others take from it.
  static void SetUpTestSuite() { cache_ = new TemporaryFolder; }
  static void TearDownTestSuite() {
    delete cache_;
    cache_ = nullptr;
  }

  void SetUp() override {
    OpenOptions options;
    options.cache_folder = cache_->path();
    options.log = [](const std::string& text) { ADD_FAILURE() << text; };
    backend_ = OpenOpenCl(options);
    ASSERT_NE(backend_, nullptr);
    if (!backend_->capabilities().resident) GTEST_SKIP() << "needs two compute units";
    ASSERT_EQ(backend_->Attach(memory_.region()), std::nullopt);
    for (const std::uint32_t kernel : {1u, 2u, 3u}) ASSERT_EQ(backend_->Load(AddingKernel(kernel)), std::nullopt);
    column_ = memory_.Allocate(kItems * 4);
    block_ = memory_.Block(kItems, {{0, kItems, column_}});
  }

  // Two loops with different footprints; kernel 3 is in none.
  void Seal() {
    const std::vector<LinkedText> linked = {AddingLoop("one_lane", {1}, 0), AddingLoop("lanes", {2}, 16)};
    ASSERT_EQ(backend_->Seal(linked), std::nullopt);
  }

  // Submits `count` entries, their kernels in turn, and reaps them all in order.
  void Exchange(std::uint32_t count, const std::vector<std::uint32_t>& kernels, std::uint32_t in_flight = 16,
                Mode mode = Mode::kAny) {
    std::uint32_t reaped = 0;
    Clock::time_point last = Clock::now();
    for (std::uint32_t submitted = 0; reaped < count;) {
      while (submitted < count && submitted - reaped < in_flight) {
        const std::uint32_t kernel = kernels[submitted % kernels.size()];
        Sqe entry = RunEntry(kernel, block_, 0, kItems);
        entry.user_data_low = submitted++;
        entry.mode = static_cast<std::uint32_t>(mode);
        ASSERT_TRUE(silo_.Submit(entry));
        sum_ += kernel;
      }
      Cqe completion;
      if (silo_.Reap(completion)) {
        ASSERT_EQ(completion.status, static_cast<std::uint32_t>(Status::kOk));
        ASSERT_EQ(completion.user_data_low, reaped++);
        last_mode_ = static_cast<Mode>(completion.mode);
        last = Clock::now();
      } else {
        ASSERT_LT(Clock::now() - last, kLimit) << "no completion after " << reaped;
        std::this_thread::yield();
      }
    }
    for (std::uint32_t i = 0; i < kItems; ++i) ASSERT_EQ(memory_.Words(column_)[i], sum_);
  }

  template <class Condition>
  void Await(Condition is_met) {
    const Clock::time_point begun = Clock::now();
    while (!is_met()) {
      ASSERT_LT(Clock::now() - begun, kLimit);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  static TemporaryFolder* cache_;
  TestRegion memory_;
  std::unique_ptr<Backend> backend_;
  SiloEnd<> silo_{RingOf(memory_.region(), 0)};
  std::uint64_t column_ = 0;
  std::uint64_t block_ = 0;
  std::uint32_t sum_ = 0;
  Mode last_mode_ = Mode::kAny;
};
TemporaryFolder* OpenClResident::cache_ = nullptr;

// Long enough that nothing parks unless a test waits for it.
constexpr std::uint64_t kLongIdleNs = 20'000'000;

TEST_F(OpenClResident, ConsumesThousandsOfEntriesInOneLease) {
  Seal();
  ServingThread serving(*backend_, memory_.region(), {600'000'000'000, 0});
  Exchange(20'000, {1});
  EXPECT_EQ(last_mode_, Mode::kResident);
  EXPECT_EQ(silo_.leases(), 1u);
  silo_.RequestStop();
  Await([&] { return serving.ended(LeaseEnd::kStopped) == 1; });
  EXPECT_EQ(serving.launched(), 0u);
}

TEST_F(OpenClResident, GoesOnAfterLeasesThatEndMidStream) {
  Seal();
  ServingThread serving(*backend_, memory_.region(), {kLongIdleNs, 100});
  Exchange(2'000, {1});
  EXPECT_EQ(last_mode_, Mode::kLeased);
  EXPECT_GE(silo_.leases(), 20u);
}

TEST_F(OpenClResident, ParksWhenIdleAndIsRevivedByTheNextEntry) {
  Seal();
  ServingThread serving(*backend_, memory_.region(), {100'000, 0});
  for (std::uint32_t round = 1; round <= 20; ++round) {
    Exchange(3, {1});
    Await([&] { return serving.ended(LeaseEnd::kIdle) >= round; });
  }
}

TEST_F(OpenClResident, ChangesBetweenLoopsAndLaunchesWhatIsInNone) {
  Seal();
  EXPECT_TRUE(backend_->IsResident(1));
  EXPECT_TRUE(backend_->IsResident(2));
  EXPECT_FALSE(backend_->IsResident(3));
  ServingThread serving(*backend_, memory_.region(), {kLongIdleNs, 0});
  Exchange(300, {1, 2, 2, 3});
  EXPECT_EQ(serving.launched(), 75u);
  Exchange(10, {1}, 16, Mode::kLaunched);
  EXPECT_EQ(last_mode_, Mode::kLaunched);
  EXPECT_EQ(serving.launched(), 85u);
}

TEST_F(OpenClResident, LoadsAndRunsOtherKernelsWhileOneIsResident) {
  Seal();
  ServingThread serving(*backend_, memory_.region(), {600'000'000'000, 0});
  Exchange(10, {1});
  ASSERT_EQ(backend_->Load(SquaresKernel(9)), std::nullopt);
  TestRegion elsewhere;
  OpenOptions options;
  options.cache_folder = cache_->path();
  const std::unique_ptr<Backend> other = OpenOpenCl(options);
  ASSERT_NE(other, nullptr);
  ASSERT_EQ(other->Attach(elsewhere.region()), std::nullopt);
  ASSERT_EQ(other->Load(AddingKernel(1)), std::nullopt);
  const std::uint64_t column = elsewhere.Allocate(kItems * 4);
  const std::uint64_t block = elsewhere.Block(kItems, {{0, kItems, column}});
  EXPECT_EQ(other->Run(RunEntry(1, block, 0, kItems)).status, Status::kOk);
  EXPECT_EQ(elsewhere.Words(column)[kItems - 1], 1u);
  Exchange(10, {1});
  EXPECT_EQ(silo_.leases(), 1u);
}

TEST_F(OpenClResident, ReplacesItsLoopsWithTheNextSeal) {
  Seal();
  const std::vector<LinkedText> linked = {AddingLoop("all_three", {1, 2, 3}, 0)};
  ASSERT_EQ(backend_->Seal(linked), std::nullopt);
  ServingThread serving(*backend_, memory_.region(), {kLongIdleNs, 0});
  Exchange(300, {1, 2, 3});
  EXPECT_EQ(serving.launched(), 0u);
}

TEST_F(OpenClResident, TellsWhyALoopDoesNotBuild) {
  LinkedText broken = AddingLoop("broken", {1}, 0);
  broken.source += "nonsense";
  const std::optional<Failure> failure = backend_->Seal({&broken, 1});
  ASSERT_TRUE(failure.has_value());
  EXPECT_NE(failure->find("nonsense"), std::string::npos) << *failure;
  EXPECT_FALSE(backend_->IsResident(1));
}

}  // namespace
}  // namespace gpubridge
