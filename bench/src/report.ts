/** One measured figure. `value` is the median of the samples unless the id names another percentile. */
export interface Figure {
  readonly id: string;
  readonly value: number;
  readonly unit: string;
  readonly samples: number;
  readonly min: number;
  readonly max: number;
}

/**
 * A named program that measures and checks; `note` lines go to people, never to the JSON. `device` narrows those that
 * measure one device after the other, `seconds` says how long those take that have a long part.
 */
export interface Benchmark {
  readonly name: string;
  readonly describe: string;
  run(note: (line: string) => void, device?: string, seconds?: number): Promise<readonly Figure[]>;
}

/** Nearest-rank percentile, 0 … 100, of unsorted values. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((p / 100) * sorted.length) - 1))] ?? NaN;
}

/** Median of repeated measurements with their spread. */
export function median(id: string, unit: string, values: readonly number[], samples = values.length): Figure {
  return { id, value: percentile(values, 50), unit, samples, min: Math.min(...values), max: Math.max(...values) };
}

export function formatFigure({ id, value, unit, samples, min, max }: Figure): string {
  const n = (x: number): string => (Math.abs(x) >= 100 ? x.toFixed(0) : x.toPrecision(3));
  return `${id.padEnd(36)} ${n(value).padStart(9)} ${unit.padEnd(12)} (${n(min)} … ${n(max)}, ${samples} samples)`;
}
