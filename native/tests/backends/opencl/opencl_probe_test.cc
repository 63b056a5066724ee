// What the backend says of devices, and why there are none. In processes of their own: a driver reads its environment once.
#include <cstdio>

#include "backends/opencl/opencl_fixture.h"

namespace gpubridge {
namespace {

// Ends the process with 0 where the probe finds no device and the reason has these words.
[[noreturn]] void ExpectAbsence(const char* variable, const char* value, std::string_view words) {
  setenv(variable, value, 1);
  Failure absence;
  const std::vector<Capabilities> found = kOpenClBackend.probe(absence);
  std::fprintf(stderr, "%zu devices; %s\n", found.size(), absence.c_str());
  _exit(found.empty() && absence.find(words) != std::string::npos ? 0 : 1);
}

class OpenClProbe : public testing::Test {
 protected:
  OpenClProbe() {
    KeepPoclCacheForAllTests();
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

TEST_F(OpenClProbe, SaysHowToGetADriver) {
  const TemporaryFolder empty;
  EXPECT_EXIT(ExpectAbsence("OCL_ICD_VENDORS", empty.path().c_str(), "pocl-opencl-icd"), testing::ExitedWithCode(0), "");
}

TEST_F(OpenClProbe, RefusesADriverThatRunsKernelsOnTheCallingThread) {
  EXPECT_EXIT(ExpectAbsence("POCL_DEVICES", "basic", "`basic`"), testing::ExitedWithCode(0), "");
}

TEST_F(OpenClProbe, OffersNothingResidentOnOneComputeUnit) {
  const auto probe_one = [] {
    setenv("POCL_MAX_PTHREAD_COUNT", "1", 1);
    Failure absence;
    const std::vector<Capabilities> found = kOpenClBackend.probe(absence);
    _exit(found.size() == 1 && found[0].launched && found[0].host_coherent && !found[0].resident ? 0 : 1);
  };
  EXPECT_EXIT(probe_one(), testing::ExitedWithCode(0), "");
}

TEST_F(OpenClProbe, GivesEveryComputeUnitButOneAnExecutor) {
  const auto probe_three = [] {
    setenv("POCL_MAX_PTHREAD_COUNT", "3", 1);
    Failure absence;
    const std::vector<Capabilities> found = kOpenClBackend.probe(absence);
    _exit(found.size() == 1 && found[0].resident && found[0].executors == 2 ? 0 : 1);
  };
  EXPECT_EXIT(probe_three(), testing::ExitedWithCode(0), "");
}

TEST_F(OpenClProbe, KnowsNoDeviceBeyondTheLast) {
  OpenOptions options;
  options.device = 99;
  Failure failure;
  EXPECT_EQ(kOpenClBackend.open(options, failure), nullptr);
  EXPECT_NE(failure.find("99"), std::string::npos) << failure;
}

}  // namespace
}  // namespace gpubridge
