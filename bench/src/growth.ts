interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

/** Parts of the time of which the lowest sample counts: between two collections garbage comes and goes, a leak stays. */
const PARTS = 16;

/** Slope of a least-squares line through the lowest sample of each part of the time, bytes per minute. */
export function growthPerMinute(all: readonly Sample[]): number {
  const perPart = Math.max(1, Math.ceil(all.length / PARTS));
  const samples: Sample[] = [];
  for (let i = 0; i < all.length; i += perPart)
    samples.push(all.slice(i, i + perPart).reduce((lowest, sample) => (sample.bytes < lowest.bytes ? sample : lowest)));
  const { length } = samples;
  if (length < 2) return 0;
  const mean = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / length;
  const atMean = mean(({ atMs }) => atMs);
  const bytesMean = mean(({ bytes }) => bytes);
  let covariance = 0;
  let variance = 0;
  for (const { atMs, bytes } of samples) {
    covariance += (atMs - atMean) * (bytes - bytesMean);
    variance += (atMs - atMean) ** 2;
  }
  return (covariance / variance) * 60_000;
}
