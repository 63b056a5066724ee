// Runs compiled kernels over a memory image and says how long they took.
//
//   timed-calls <image> <results>
//
// Lines of standard input:
//   load <shared object>                                                the next entries are looked up in it
//   run <entry> <block> <items> <chunk> <threads> {<offset> <bytes>}... answers `<wall ms> <CPU ms> <violations>`
//
// A run clears the result columns given by offset and size, lets the threads claim chunks from one counter, and writes
// the columns to the file of results, one after the other. A run of one thread stays on the main thread.
#include <dlfcn.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using Entry = std::int32_t (*)(std::uint8_t*, std::uint64_t, std::uint32_t, std::uint32_t, std::uint32_t);

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << what << '\n';
  std::exit(1);
}

double CpuMs() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& t) { return t.tv_sec * 1e3 + t.tv_usec / 1e3; };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

struct Run {
  Entry entry;
  std::uint8_t* memory;
  std::uint64_t block;
  std::uint32_t items, chunk;
  std::atomic<std::uint32_t> next_chunk{0};
  std::atomic<std::int32_t> violations{0};

  void Claim(std::uint32_t executor) {
    for (;;) {
      const std::uint32_t first = next_chunk.fetch_add(1) * chunk;
      if (first >= items) return;
      violations += entry(memory, block, first, std::min(chunk, items - first), executor);
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::ifstream image(argv[1], std::ios::binary | std::ios::ate);
  if (!image) Fail(std::string("cannot read ") + argv[1]);
  const std::size_t bytes = image.tellg();
  auto* const memory = static_cast<std::uint8_t*>(std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096));
  image.seekg(0);
  image.read(reinterpret_cast<char*>(memory), bytes);

  void* object = nullptr;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command, name;
    words >> command >> name;
    if (command == "load") {
      object = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (object == nullptr) Fail(dlerror());
      std::cout << "loaded" << std::endl;
      continue;
    }
    Run run{reinterpret_cast<Entry>(dlsym(object, name.c_str())), memory, 0, 0, 0};
    if (run.entry == nullptr) Fail("no entry " + name);
    std::uint32_t threads;
    words >> run.block >> run.items >> run.chunk >> threads;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> results;
    for (std::uint64_t offset, size; words >> offset >> size;) results.emplace_back(offset, size);
    for (const auto& [offset, size] : results) std::memset(memory + offset, 0, size);

    const double cpu = CpuMs();
    const auto start = std::chrono::steady_clock::now();
    if (threads == 1) {
      run.Claim(0);
    } else {
      std::vector<std::thread> workers;
      for (std::uint32_t i = 0; i < threads; i++) workers.emplace_back(&Run::Claim, &run, i);
      for (auto& worker : workers) worker.join();
    }
    const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - start;
    const double used = CpuMs() - cpu;

    std::ofstream file(argv[2], std::ios::binary | std::ios::trunc);
    for (const auto& [offset, size] : results) file.write(reinterpret_cast<char*>(memory + offset), size);
    file.close();
    std::cout << wall.count() << ' ' << used << ' ' << run.violations.load() << std::endl;
  }
}
