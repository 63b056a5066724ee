// Calls compiled kernels over memory images, because Node cannot open a shared object by itself.
//
//   call-entries <shared object> <images>
//
// One call per line of standard input: `entry imageOffset imageBytes argumentBlock first count group`. Images lie in one
// file at multiples of the page size and are changed in place. Answers one line per call: the returned violations.
#include <cstdint>
#include <cstdio>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using Entry = std::int32_t (*)(std::uint8_t*, std::uint64_t, std::uint32_t, std::uint32_t, std::uint32_t);

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  void* object = dlopen(argv[1], RTLD_NOW);
  if (object == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 3;
  }
  const int file = open(argv[2], O_RDWR);
  if (file < 0) {
    std::perror(argv[2]);
    return 4;
  }
  char name[512];
  unsigned long long offset, bytes, block;
  unsigned int first, count, group;
  while (std::scanf("%511s %llu %llu %llu %u %u %u", name, &offset, &bytes, &block, &first, &count, &group) == 7) {
    const auto entry = reinterpret_cast<Entry>(dlsym(object, name));
    void* image = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, static_cast<off_t>(offset));
    if (entry == nullptr || image == MAP_FAILED) {
      std::fprintf(stderr, "no entry %s, or no image at %llu\n", name, offset);
      return 5;
    }
    std::printf("%d\n", entry(static_cast<std::uint8_t*>(image), block, first, count, group));
    munmap(image, bytes);
  }
  return 0;
}
