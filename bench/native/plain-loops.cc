// The measured kernels as plain C++ loops, with the calling convention of our C++ artifacts: columns are found through an
// argument block, `[first, first + count)` are the ids (of block_sum: the blocks) to run.
#include <atomic>
#include <cmath>
#include <cstdint>

namespace {

constexpr std::uint64_t kHeaderBytes = 16;
constexpr std::uint64_t kSlotBytes = 16;

struct Arguments {
  std::uint8_t* memory;
  std::uint8_t* block;

  Arguments(std::uint8_t* memory, std::uint64_t block) : memory(memory), block(memory + block) {}

  template <typename T>
  T* Column(int slot) const {
    return reinterpret_cast<T*>(memory + *reinterpret_cast<std::uint64_t*>(Slot(slot) + 8));
  }
  float Uniform(int slot) const { return *reinterpret_cast<float*>(Slot(slot)); }
  std::uint32_t Width() const { return reinterpret_cast<std::uint32_t*>(block)[1]; }
  std::uint32_t Height() const { return reinterpret_cast<std::uint32_t*>(block)[2]; }

 private:
  std::uint8_t* Slot(int slot) const { return block + kHeaderBytes + kSlotBytes * slot; }
};

inline float CumulativeNormal(float x) {
  const float t = 1.0f / (1.0f + 0.2316419f * std::fabs(x));
  const float series =
      t * (0.31938153f + t * (-0.356563782f + t * (1.781477937f + t * (-1.821255978f + t * 1.330274429f))));
  const float tail = 0.3989422804f * std::exp(-0.5f * x * x) * series;
  return x > 0 ? 1.0f - tail : tail;
}

constexpr std::uint32_t kBins = 256;
constexpr std::uint32_t kBlock = 256;
constexpr std::uint32_t kLimit = 256;

}  // namespace

#define KERNEL(name)                                                                                              \
  extern "C" std::int32_t name(std::uint8_t* memory, std::uint64_t block, std::uint32_t first, std::uint32_t count, \
                               std::uint32_t)

// STREAM's triad in single precision, over the three columns of vadd.
KERNEL(triad) {
  const Arguments args(memory, block);
  const float* __restrict b = args.Column<float>(0);
  const float* __restrict c = args.Column<float>(1);
  float* __restrict a = args.Column<float>(2);
  for (std::uint32_t i = first; i < first + count; i++) a[i] = b[i] + 3.0f * c[i];
  return 0;
}

KERNEL(vadd) {
  const Arguments args(memory, block);
  const float* __restrict a = args.Column<float>(0);
  const float* __restrict b = args.Column<float>(1);
  float* __restrict c = args.Column<float>(2);
  for (std::uint32_t i = first; i < first + count; i++) c[i] = a[i] + b[i];
  return 0;
}

KERNEL(blackScholes) {
  const Arguments args(memory, block);
  const float* __restrict spot = args.Column<float>(0);
  const float* __restrict strike = args.Column<float>(1);
  const float* __restrict years = args.Column<float>(2);
  const float rate = args.Uniform(3);
  const float volatility = args.Uniform(4);
  float* __restrict call = args.Column<float>(5);
  float* __restrict put = args.Column<float>(6);
  for (std::uint32_t i = first; i < first + count; i++) {
    const float deviation = volatility * std::sqrt(years[i]);
    const float d1 = (std::log(spot[i] / strike[i]) + (rate + 0.5f * volatility * volatility) * years[i]) / deviation;
    const float d2 = d1 - deviation;
    const float discounted = strike[i] * std::exp(-rate * years[i]);
    const float n1 = CumulativeNormal(d1);
    const float n2 = CumulativeNormal(d2);
    call[i] = spot[i] * n1 - discounted * n2;
    put[i] = discounted * (1.0f - n2) - spot[i] * (1.0f - n1);
  }
  return 0;
}

KERNEL(mandelbrot) {
  const Arguments args(memory, block);
  std::uint32_t* steps = args.Column<std::uint32_t>(0);
  const std::uint32_t width = args.Width();
  const std::uint32_t height = args.Height();
  for (std::uint32_t i = first; i < first + count; i++) {
    const float cr = static_cast<float>(i % width) * 3.5f / static_cast<float>(width) - 2.5f;
    const float ci = static_cast<float>(i / width) * 2.0f / static_cast<float>(height) - 1.0f;
    float zr = 0;
    float zi = 0;
    std::uint32_t n = 0;
    while (n < kLimit && zr * zr + zi * zi <= 4.0f) {
      const float next = zr * zr - zi * zi + cr;
      zi = 2.0f * zr * zi + ci;
      zr = next;
      n++;
    }
    steps[i] = n;
  }
  return 0;
}

KERNEL(triangles) {
  const Arguments args(memory, block);
  const std::uint32_t* row = args.Column<std::uint32_t>(0);
  const std::uint32_t* col = args.Column<std::uint32_t>(1);
  std::uint32_t found = 0;
  for (std::uint32_t u = first; u < first + count; u++) {
    const std::uint32_t begin = row[u];
    const std::uint32_t end = row[u + 1];
    for (std::uint32_t e = begin; e < end; e++) {
      const std::uint32_t v = col[e];
      const std::uint32_t stop = row[v + 1];
      std::uint32_t p = begin;
      std::uint32_t q = row[v];
      while (p < end && q < stop) {
        const std::uint32_t a = col[p];
        const std::uint32_t b = col[q];
        found += a == b;
        p += a <= b;
        q += b <= a;
      }
    }
  }
  std::atomic_ref(*args.Column<std::uint32_t>(2)).fetch_add(found, std::memory_order_relaxed);
  return 0;
}

// Bins of the calling thread's own, added to the shared ones at the end: how one writes it for threads.
KERNEL(histogram) {
  const Arguments args(memory, block);
  const std::uint32_t* x = args.Column<std::uint32_t>(0);
  std::uint32_t* bins = args.Column<std::uint32_t>(1);
  std::uint32_t mine[kBins] = {};
  for (std::uint32_t i = first; i < first + count; i++) mine[x[i] & 255]++;
  for (std::uint32_t b = 0; b < kBins; b++) std::atomic_ref(bins[b]).fetch_add(mine[b], std::memory_order_relaxed);
  return 0;
}

KERNEL(histogramAtomic) {
  const Arguments args(memory, block);
  const std::uint32_t* x = args.Column<std::uint32_t>(0);
  std::uint32_t* bins = args.Column<std::uint32_t>(1);
  for (std::uint32_t i = first; i < first + count; i++)
    std::atomic_ref(bins[x[i] & 255]).fetch_add(1, std::memory_order_relaxed);
  return 0;
}

KERNEL(blockSum) {
  const Arguments args(memory, block);
  const float* __restrict x = args.Column<float>(0);
  float* __restrict sums = args.Column<float>(1);
  for (std::uint32_t group = first; group < first + count; group++) {
    float tile[kBlock];
    for (std::uint32_t l = 0; l < kBlock; l++) tile[l] = x[group * kBlock + l];
    for (std::uint32_t s = kBlock / 2; s > 0; s /= 2)
      for (std::uint32_t l = 0; l < s; l++) tile[l] += tile[l + s];
    sums[group] = tile[0];
  }
  return 0;
}
