#include "memory/shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace gpubridge {
namespace {

std::shared_ptr<SharedMemory> Make(std::uint64_t bytes) {
  SystemError error;
  auto memory = SharedMemory::Create(bytes, error);
  EXPECT_NE(memory, nullptr) << error.text;
  return memory;
}

TEST(SharedMemoryTest, IsZeroedAndWritableToItsEnd) {
  const auto memory = Make(16 * kPageBytes);
  EXPECT_EQ(memory->bytes(), 16 * kPageBytes);
  for (std::uint64_t i = 0; i < memory->bytes(); i++) ASSERT_EQ(memory->base()[i], 0);
  memory->base()[memory->bytes() - 1] = 1;
}

TEST(SharedMemoryTest, CannotBeResized) {
  const auto memory = Make(kPageBytes);
  EXPECT_NE(ftruncate(memory->fd(), 0), 0);
  EXPECT_EQ(errno, EPERM);
  EXPECT_NE(ftruncate(memory->fd(), 2 * kPageBytes), 0);
  EXPECT_EQ(errno, EPERM);
}

TEST(SharedMemoryTest, IsNotInheritedUnasked) {
  EXPECT_EQ(fcntl(Make(kPageBytes)->fd(), F_GETFD), FD_CLOEXEC);
}

TEST(SharedMemoryTest, AllocatesTheBeginningAtOnceAndTheRestAsItIsTouched) {
  const auto memory = Make(64 << 20);
  struct stat state {};
  ASSERT_EQ(fstat(memory->fd(), &state), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(state.st_size), 64u << 20);
  EXPECT_GE(static_cast<std::uint64_t>(state.st_blocks) * 512, SharedMemory::kPreallocatedBytes);
  EXPECT_LT(static_cast<std::uint64_t>(state.st_blocks) * 512, memory->bytes() / 2);
}

TEST(SharedMemoryTest, StaysMappedWhenItsDescriptorIsClosed) {
  const auto memory = Make(kPageBytes);
  memory->CloseDescriptor();
  EXPECT_EQ(memory->fd(), -1);
  memory->base()[0] = 1;
  EXPECT_EQ(memory->base()[0], 1);
  memory->CloseDescriptor();
}

TEST(SharedMemoryTest, SaysThatTheMachineHasNotSoMuch) {
  SystemError error{};
  EXPECT_EQ(SharedMemory::Create(std::uint64_t{1} << 50, error), nullptr);
  EXPECT_EQ(error.number, ENOMEM);
  EXPECT_NE(error.text.find("bytes of memory are available"), std::string::npos);
}

// What the machine and the group say, in files of their own.
TEST(AvailableBytesTest, IsTheLessOfMachineAndGroup) {
  const std::string folder = testing::TempDir();
  const std::string meminfo = folder + "gpu-bridge-meminfo-" + std::to_string(getpid());
  const std::string limit = folder + "gpu-bridge-limit-" + std::to_string(getpid());
  std::ofstream(meminfo) << "MemTotal:       100 kB\nMemAvailable:       8 kB\n";
  EXPECT_EQ(AvailableBytes(meminfo.c_str(), "/nowhere"), 8192u);
  std::ofstream(limit) << "4096\n";
  EXPECT_EQ(AvailableBytes(meminfo.c_str(), limit.c_str()), 4096u);
  EXPECT_EQ(AvailableBytes("/nowhere", limit.c_str()), 4096u);
  std::ofstream(limit) << "max\n";
  EXPECT_EQ(AvailableBytes(meminfo.c_str(), limit.c_str()), 8192u);
  EXPECT_EQ(AvailableBytes("/nowhere", "/nowhere"), std::nullopt);
  unlink(meminfo.c_str());
  unlink(limit.c_str());
}

}  // namespace
}  // namespace gpubridge
