#include "ring/interleaving.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace gpubridge::interleaving {
namespace {

std::string Told(const Report& report) {
  std::string text = report.violation;
  for (const std::string& step : report.path) text += "\n  " + step;
  return text;
}

class InterleavingTest : public testing::TestWithParam<Plan> {};

TEST_P(InterleavingTest, LosesDoublesAndReordersNothingAndNeverDeadlocks) {
  const Plan plan = GetParam();
  const Report report = Explore(plan);
  EXPECT_EQ(Told(report), "");
  EXPECT_GT(report.ends, 0u);
  std::printf("ring of %u, %u entries, up to %u deaths: %llu states, %llu steps, %llu ends\n", plan.capacity, plan.entries,
              plan.deaths, static_cast<unsigned long long>(report.states), static_cast<unsigned long long>(report.steps),
              static_cast<unsigned long long>(report.ends));
}
// Twice around the ring. The last begins where positions wrap.
INSTANTIATE_TEST_SUITE_P(TwoSlots, InterleavingTest,
                         testing::Values(Plan{.capacity = 2, .entries = 4, .deaths = 2},
                                         Plan{.capacity = 2, .entries = 4, .deaths = 1, .first_position = 0xffff'fffd}));
INSTANTIATE_TEST_SUITE_P(FourSlots, InterleavingTest, testing::Values(Plan{.capacity = 4, .entries = 8, .deaths = 1}));

struct Fault {
  const char* name;
  Mutation mutation;
  const char* found;  // Part of what must be said of it.
};

class BrokenEndsTest : public testing::TestWithParam<Fault> {};

TEST_P(BrokenEndsTest, AreFoundOut) {
  const Report report = Explore({.capacity = 2, .entries = 4, .deaths = 1, .mutation = GetParam().mutation});
  EXPECT_NE(report.violation.find(GetParam().found), std::string::npos) << Told(report);
}
INSTANTIATE_TEST_SUITE_P(Mutations, BrokenEndsTest,
                         testing::Values(Fault{"PublishBeforeBody", Mutation::kPublishBeforeBody, "reads word"},
                                         Fault{"NoRecheck", Mutation::kNoRecheck, "nobody runs any more"},
                                         Fault{"NoWake", Mutation::kNoWake, "nobody runs any more"},
                                         Fault{"RunningNotNamed", Mutation::kRunningNotNamed, "no suspect is named"},
                                         Fault{"ReplayWithoutDrain", Mutation::kReplayWithoutDrain, "running out of order"}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace gpubridge::interleaving
