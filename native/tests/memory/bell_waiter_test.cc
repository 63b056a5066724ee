#include "memory/bell_waiter.h"

#include <gtest/gtest.h>

#include <set>

#include "gpubridge/ring.h"

namespace gpubridge {
namespace {

// Collects what has fired.
class BellWaiterTest : public testing::Test {
 protected:
  void Fired(const std::vector<std::uint64_t>& ids) {
    std::lock_guard lock(mutex_);
    fired_.insert(ids.begin(), ids.end());
    changed_.notify_all();
  }
  bool FiresInTime(std::uint64_t id) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::minutes(1), [&] { return fired_.contains(id); });
  }
  bool HasFired(std::uint64_t id) {
    std::lock_guard lock(mutex_);
    return fired_.contains(id);
  }

  std::uint32_t bell_ = 5;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::uint64_t> fired_;
  BellWaiter waiter_{&bell_, [this](std::vector<std::uint64_t> ids) { Fired(ids); }};
};

TEST_F(BellWaiterTest, FiresWhenTheBellIsRung) {
  for (std::uint64_t id = 0; id < 100; id++) {
    ASSERT_TRUE(waiter_.Wait(id, static_cast<std::uint32_t>(5 + id)));
    SharedWords::Ring(bell_);
    ASSERT_TRUE(FiresInTime(id));
  }
}

TEST_F(BellWaiterTest, FiresWhenTheWordChangesAndNobodyWakesIt) {
  ASSERT_TRUE(waiter_.Wait(1, 5));
  SharedWords::Store(bell_, 6);
  EXPECT_TRUE(FiresInTime(1));
}

TEST_F(BellWaiterTest, TakesNoWaitForABellThatHasRungAlready) {
  EXPECT_FALSE(waiter_.Wait(1, 4));
  EXPECT_TRUE(waiter_.TakePending().empty());
}

TEST_F(BellWaiterTest, FiresAllThatWait) {
  ASSERT_TRUE(waiter_.Wait(1, 5));
  ASSERT_TRUE(waiter_.Wait(2, 5));
  SharedWords::Ring(bell_);
  EXPECT_TRUE(FiresInTime(1));
  EXPECT_TRUE(FiresInTime(2));
}

TEST_F(BellWaiterTest, GivesBackWaitsThatAreGivenUp) {
  ASSERT_TRUE(waiter_.Wait(1, 5));
  ASSERT_TRUE(waiter_.Wait(2, 5));
  EXPECT_EQ(waiter_.TakePending(), (std::vector<std::uint64_t>{1, 2}));
  ASSERT_TRUE(waiter_.Wait(3, 5));
  SharedWords::Ring(bell_);
  EXPECT_TRUE(FiresInTime(3));
  EXPECT_FALSE(HasFired(1));
  EXPECT_FALSE(HasFired(2));
}

TEST_F(BellWaiterTest, EndsWithWaitsPending) {
  for (int i = 0; i < 20; i++) {
    BellWaiter waiter(&bell_, [](std::vector<std::uint64_t>) {});
    if (i % 2 == 0) waiter.Wait(1, 5);
  }
}

}  // namespace
}  // namespace gpubridge
