// Run on a real driver: what it computes, and what it leaves alone.
#include "backends/opencl/opencl_fixture.h"

namespace gpubridge {
namespace {

constexpr std::uint32_t kItems = 3000;

// Runs a range of `scale` and returns the region as it is then.
struct ScaleRun {
  explicit ScaleRun(bool force_incoherent) {
    OpenOptions options;
    options.cache_folder = cache.path();
    options.force_incoherent = force_incoherent;
    options.log = [this](const std::string& text) { log += text + '\n'; };
    backend = OpenOpenCl(options);
    if (backend == nullptr) return;
    EXPECT_EQ(backend->capabilities().host_coherent, !force_incoherent);
    EXPECT_EQ(backend->Attach(memory.region()), std::nullopt);
    in = memory.Allocate(kItems * 4);
    out = memory.Allocate(kItems * 4);
    for (std::uint32_t i = 0; i < kItems; ++i) {
      memory.Words(in)[i] = i;
      memory.Words(out)[i] = 0xdead0000u + i;
    }
    block = memory.Block(kItems, {{0, kItems, in}, {0, kItems, out}, {3, 0, 0}});
  }

  TemporaryFolder cache;
  TestRegion memory;
  std::string log;
  std::unique_ptr<Backend> backend;
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  std::uint64_t block = 0;
};

class OpenClRun : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Memory, OpenClRun, testing::Bool(),
                         [](const auto& info) { return info.param ? "copied" : "shared"; });

TEST_P(OpenClRun, WritesTheItemsOfTheRangeAndNothingElse) {
  ScaleRun run(GetParam());
  ASSERT_NE(run.backend, nullptr);
  ASSERT_EQ(run.backend->Load(ScaleKernel(7)), std::nullopt);
  std::vector<std::uint8_t> expected = run.memory.Image();
  const Outcome outcome = run.backend->Run(RunEntry(7, run.block, 100, 2000));
  EXPECT_EQ(outcome.status, Status::kOk) << run.log;
  EXPECT_EQ(outcome.violations, 2100u - 1001u);
  auto* words = reinterpret_cast<std::uint32_t*>(expected.data() + run.out);
  for (std::uint32_t i = 100; i < 2100; ++i) words[i] = i * 3;
  EXPECT_TRUE(run.memory.Image() == expected);
}

TEST_P(OpenClRun, RunsWorkgroups) {
  ScaleRun run(GetParam());
  ASSERT_NE(run.backend, nullptr);
  ASSERT_EQ(run.backend->Load(SquaresKernel(1)), std::nullopt);
  const std::uint64_t block = run.memory.Block(100 * 16, {{0, kItems, run.out}});
  const Outcome outcome = run.backend->Run(RunEntry(1, block, 3, 90));
  EXPECT_EQ(outcome.status, Status::kOk) << run.log;
  EXPECT_EQ(outcome.violations, 0u);
  for (std::uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(run.memory.Words(run.out)[i], i >= 3 && i < 93 ? 1240u : 0xdead0000u + i) << i;
  }
}

TEST_P(OpenClRun, CountsViolationsOfEachEntryByItself) {
  ScaleRun run(GetParam());
  ASSERT_NE(run.backend, nullptr);
  ASSERT_EQ(run.backend->Load(ScaleKernel(7)), std::nullopt);
  EXPECT_EQ(run.backend->Run(RunEntry(7, run.block, 1001, 5)).violations, 5u);
  EXPECT_EQ(run.backend->Run(RunEntry(7, run.block, 0, 5)).violations, 0u);
}

TEST(OpenClRunMore, AnswersAKernelItDoesNotKnow) {
  ScaleRun run(true);
  ASSERT_NE(run.backend, nullptr);
  EXPECT_EQ(run.backend->Run(RunEntry(7, run.block, 0, 1)).status, Status::kUnknownKernel);
}

TEST(OpenClRunMore, RefusesToCopyWhatLiesOutsideTheArena) {
  ScaleRun run(true);
  ASSERT_NE(run.backend, nullptr);
  ASSERT_EQ(run.backend->Load(ScaleKernel(7)), std::nullopt);
  const std::uint64_t block = run.memory.Block(kItems, {{0, kItems, run.in}, {0, kItems, run.memory.region().bytes - 4}, {3, 0, 0}});
  const std::vector<std::uint8_t> before = run.memory.Image();
  EXPECT_EQ(run.backend->Run(RunEntry(7, block, 0, 1)).status, Status::kBadArgumentBlock);
  EXPECT_TRUE(run.memory.Image() == before);
}

TEST(OpenClRunMore, CopiesNothingOfAnEmptyColumnWhereverItIs) {
  ScaleRun run(true);
  ASSERT_NE(run.backend, nullptr);
  ASSERT_EQ(run.backend->Load(ScaleKernel(7)), std::nullopt);
  const std::uint64_t block = run.memory.Block(0, {{0, 0, 0}, {0, 0, 0}, {3, 0, 0}});
  const std::vector<std::uint8_t> before = run.memory.Image();
  EXPECT_EQ(run.backend->Run(RunEntry(7, block, 0, 0)).status, Status::kOk) << run.log;
  EXPECT_TRUE(run.memory.Image() == before);
}

TEST(OpenClRunMore, TellsWhyAKernelDoesNotBuild) {
  ScaleRun run(true);
  ASSERT_NE(run.backend, nullptr);
  KernelText broken = ScaleKernel(1);
  broken.source = "__kernel void scale(__global uchar* memory) { nonsense; }";
  const std::optional<Failure> failure = run.backend->Load(broken);
  ASSERT_TRUE(failure.has_value());
  EXPECT_NE(failure->find("nonsense"), std::string::npos) << *failure;
}

TEST(OpenClRunMore, RefusesARegionThatTheDeviceCannotHold) {
  OpenOptions options;
  options.force_incoherent = true;
  const std::unique_ptr<Backend> backend = OpenOpenCl(options);
  ASSERT_NE(backend, nullptr);
  TestRegion memory;
  Region region = memory.region();
  region.bytes = backend->capabilities().max_bytes + 1;
  const std::optional<Failure> failure = backend->Attach(region);
  ASSERT_TRUE(failure.has_value());
  EXPECT_NE(failure->find("lower native.opencl.arenaMiB"), std::string::npos) << *failure;
}

}  // namespace
}  // namespace gpubridge
