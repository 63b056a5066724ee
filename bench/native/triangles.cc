// Counts the triangles of a graph as the kernel of samples/graph-motifs does, on as many threads as asked for.
//
//   triangles <file of columns> <threads>
//
// The file: nodes, edges, words of bits and words of a row as u32; row, col, source, bitsAt, coreStart; at the next multiple
// of 8 the bits. A line on standard input makes one run, which answers `<wall ms> <triangles>`.
#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::uint32_t kChunk = 4096;
// As the sample has it; a constant, so that the loop over a row's words can be unrolled.
constexpr std::uint32_t kWords = 16;

struct Graph {
  std::uint32_t edges;
  const std::uint32_t *row, *col, *source, *bits_at, *core_start;
  const std::uint64_t* bits;
};

std::uint64_t Triangles(const Graph& graph, std::uint32_t first, std::uint32_t end_edge) {
  const auto& [edges, row, col, source, bits_at, core_start, bits] = graph;
  std::uint64_t total = 0;
  for (std::uint32_t e = first; e < end_edge; ++e) {
    const std::uint32_t u = source[e], v = col[e];
    std::uint32_t p = e + 1, q = row[v], end, stop, found = 0;
    const std::uint32_t a = bits_at[u], b = bits_at[v];
    if (a != 0 && b != 0) {
      for (std::uint32_t i = 0; i < kWords; ++i) found += std::popcount(bits[a + i] & bits[b + i]);
      end = core_start[u];
      stop = core_start[v];
    } else {
      end = row[u + 1];
      stop = row[v + 1];
    }
    while (p < end && q < stop) {
      const std::uint32_t x = col[p], y = col[q];
      found += x == y;
      p += x <= y;
      q += y <= x;
    }
    total += found;
  }
  return total;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::ifstream file(argv[1], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::uint64_t> memory((bytes.size() + 7) / 8);
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(memory.data()));
  const auto* words = reinterpret_cast<const std::uint32_t*>(memory.data());
  const std::uint32_t nodes = words[0], edges = words[1];
  if (words[3] != kWords) return 3;
  const auto* row = words + 4;
  const auto* col = row + nodes + 1;
  const auto* source = col + edges;
  const auto* bits_at = source + edges;
  const auto* core_start = bits_at + nodes;
  const std::size_t before_bits = core_start + nodes - words;
  const Graph graph{edges, row, col, source, bits_at, core_start, memory.data() + (before_bits + 1) / 2};
  const unsigned threads = std::atoi(argv[2]);

  for (std::string line; std::getline(std::cin, line);) {
    const auto start = std::chrono::steady_clock::now();
    std::atomic<std::uint32_t> next{0};
    std::atomic<std::uint64_t> total{0};
    const auto work = [&] {
      for (std::uint32_t first; (first = next.fetch_add(kChunk)) < edges;)
        total += Triangles(graph, first, std::min(edges, first + kChunk));
    };
    std::vector<std::thread> others;
    for (unsigned i = 1; i < threads; ++i) others.emplace_back(work);
    work();
    for (auto& thread : others) thread.join();
    const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - start;
    std::cout << wall.count() << ' ' << total << std::endl;
  }
}
