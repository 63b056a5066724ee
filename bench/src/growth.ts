/** Slope of a least-squares line through the samples, bytes per minute; 0 with fewer than two. */
export function growthPerMinute(samples: readonly { readonly atMs: number; readonly bytes: number }[]): number {
  const { length } = samples;
  if (length < 2) return 0;
  const mean = (of: (sample: (typeof samples)[number]) => number): number =>
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
