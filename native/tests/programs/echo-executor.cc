// An executor for tests of the silo's side: `echo-executor FD` maps the region behind the descriptor and answers every entry of
// ring 0 until it is asked to stop. Exit code 65: that is no region.
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>

#include "gpubridge/region.h"
#include "ring/echo.h"

int main(int count, char** arguments) {
  if (count != 2) return 64;
  const int fd = std::atoi(arguments[1]);
  struct stat state {};
  if (fstat(fd, &state) != 0) return 65;
  void* base = mmap(nullptr, static_cast<std::size_t>(state.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return 71;
  gpubridge::Region region;
  const auto failure =
      gpubridge::ParseRegion(static_cast<std::uint8_t*>(base), static_cast<std::uint64_t>(state.st_size), region);
  if (failure || !gpubridge::RingOf(region, 0).HeaderMatches()) {
    std::fprintf(stderr, "%s\n", failure.value_or("ring 0 has no header").c_str());
    return 65;
  }
  gpubridge::Echo(gpubridge::RingOf(region, 0));
  return 0;
}
