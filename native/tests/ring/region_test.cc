#include "gpubridge/region.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

namespace gpubridge {
namespace {

struct Free {
  void operator()(std::uint8_t* memory) const { std::free(memory); }
};

class RegionTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kArena = 8192;
  static constexpr std::uint64_t kBytes = RegionBytes(2, 4, kArena);

  void SetUp() override {
    std::fill_n(memory_.get(), kBytes, std::uint8_t{0});
    written_ = InitialiseRegion(memory_.get(), 2, 4, kArena, 7);
  }
  RegionHeader& header() { return HeaderOf(written_); }
  std::optional<Failure> Parse(std::uint64_t bytes = kBytes) { return ParseRegion(memory_.get(), bytes, parsed_); }

  std::unique_ptr<std::uint8_t, Free> memory_{static_cast<std::uint8_t*>(std::aligned_alloc(4096, kBytes))};
  Region written_;
  Region parsed_;
};

TEST_F(RegionTest, TakesTheHeaderThatItWrote) {
  ASSERT_EQ(Parse(), std::nullopt);
  EXPECT_EQ(parsed_.ring_count, 2u);
  EXPECT_EQ(parsed_.ring_capacity, 4u);
  EXPECT_EQ(parsed_.ring_bytes, 11u * 64);
  EXPECT_EQ(parsed_.rings_offset, 4096u);
  EXPECT_EQ(parsed_.arena_offset, 8192u);
  EXPECT_EQ(parsed_.arena_bytes, kArena);
  EXPECT_EQ(parsed_.bytes, kBytes);
  EXPECT_EQ(parsed_.ring(1), memory_.get() + 4096 + 11 * 64);
  EXPECT_TRUE(RingOf(parsed_, 1).HeaderMatches());
  EXPECT_EQ(RingOf(parsed_, 1).header().generation, 7u);
}

TEST_F(RegionTest, RefusesMemoryThatIsNoRegion) {
  EXPECT_EQ(ParseRegion(memory_.get() + 4, kBytes - 4, parsed_), "the mapping does not start on a line");
  EXPECT_EQ(Parse(4095), "the region is smaller than its head");
  header().version++;
  EXPECT_EQ(Parse(), "the region is of version 2, not 1");
  header().magic++;
  EXPECT_EQ(Parse(), "this is no region");
}

TEST_F(RegionTest, RefusesCapacitiesThatAreNoPowersOfTwo) {
  for (std::uint32_t capacity : {0u, 3u, 6u, 0xffff'ffffu}) {
    header().ring_capacity = capacity;
    EXPECT_EQ(Parse(), "the capacity of the rings is not a power of two") << capacity;
  }
}

TEST_F(RegionTest, RefusesPartsThatReachOutsideTheMapping) {
  EXPECT_EQ(Parse(kBytes - 1), "the arena does not fit in the region");
  header().ring_count = 0;
  EXPECT_EQ(Parse(), "the region has no rings");
  header().ring_count = 100;
  EXPECT_EQ(Parse(), "the rings do not fit in the region");
  header().ring_count = 6;
  EXPECT_EQ(Parse(), "the arena overlaps the rings");
}

TEST_F(RegionTest, RefusesNumbersWhoseProductsOverflow) {
  header().ring_capacity = 1u << 31;
  header().ring_count = 0xffff'ffff;
  EXPECT_EQ(Parse(), "the rings do not fit in the region");
  header().ring_capacity = 4;
  header().ring_count = 2;
  header().arena_offset_high = 0xffff'ffff;
  header().arena_offset_low = 0xffff'f000;
  EXPECT_EQ(Parse(), "the arena does not fit in the region");
  header().arena_offset_high = 0;
  header().arena_offset_low = 8192;
  header().arena_bytes_high = 0xffff'ffff;
  header().arena_bytes_low = 0xffff'ffff;
  EXPECT_EQ(Parse(), "the arena does not fit in the region");
}

TEST_F(RegionTest, RefusesMisplacedParts) {
  header().arena_offset_low += 64;
  EXPECT_EQ(Parse(), "the arena does not begin on a page");
  header().rings_offset = 64;
  EXPECT_EQ(Parse(), "the rings do not begin at 4096");
}

TEST_F(RegionTest, LeavesTheResultAloneWhenItRefuses) {
  header().ring_count = 0;
  parsed_.ring_count = 99;
  ASSERT_NE(Parse(), std::nullopt);
  EXPECT_EQ(parsed_.ring_count, 99u);
}

}  // namespace
}  // namespace gpubridge
