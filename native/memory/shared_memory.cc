#include "memory/shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace gpubridge {
namespace {

SystemError LastError(const char* call) {
  const int number = errno;
  return {number, std::string(call) + ": " + std::strerror(number)};
}

}  // namespace

std::optional<std::uint64_t> AvailableBytes(const char* meminfo, const char* group_limit) {
  std::optional<std::uint64_t> available;
  std::ifstream lines(meminfo);
  for (std::string line; std::getline(lines, line);) {
    unsigned long long kibibytes = 0;
    if (std::sscanf(line.c_str(), "MemAvailable: %llu kB", &kibibytes) == 1) available = kibibytes * 1024;
  }
  // What the group uses already says little, since page cache is part of it.
  std::uint64_t limit = 0;
  if (std::ifstream(group_limit) >> limit) available = std::min(limit, available.value_or(limit));
  return available;
}

std::shared_ptr<SharedMemory> SharedMemory::Create(std::uint64_t bytes, SystemError& error) {
  if (const auto available = AvailableBytes(); available && bytes > *available) {
    error = {ENOMEM, "a region of " + std::to_string(bytes) + " bytes, but only " + std::to_string(*available) +
                         " bytes of memory are available"};
    return nullptr;
  }
  const int fd = memfd_create("gpu-bridge-region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) {
    error = LastError("memfd_create");
    return nullptr;
  }
  std::shared_ptr<SharedMemory> memory(new SharedMemory(fd, bytes));
  const auto size = static_cast<off_t>(bytes);
  if (ftruncate(fd, size) != 0) {
    error = LastError("ftruncate");
    return nullptr;
  }
  if (fallocate(fd, 0, 0, std::min(size, static_cast<off_t>(kPreallocatedBytes))) != 0) {
    error = LastError("fallocate");
    return nullptr;
  }
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
    error = LastError("fcntl F_ADD_SEALS");
    return nullptr;
  }
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) {
    error = LastError("mmap");
    return nullptr;
  }
  memory->base_ = static_cast<std::uint8_t*>(base);
  return memory;
}

SharedMemory::~SharedMemory() {
  if (base_ != nullptr) munmap(base_, bytes_);
  CloseDescriptor();
}

void SharedMemory::CloseDescriptor() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace gpubridge
