import { sizeOf } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import { typedArray } from './replay-inputs.js';

export interface ElementDifference {
  readonly element: number;
  /** The values, with their bits where they read alike; undefined behind the end of a column. */
  readonly recorded: string | undefined;
  readonly replayed: string | undefined;
}

const MOST_DIFFERENCES = 10;

/** The first elements whose bytes differ. */
export function firstDifferences(dtype: DType, recorded: Uint8Array, replayed: Uint8Array): ElementDifference[] {
  const size = sizeOf(dtype);
  const count = Math.max(recorded.byteLength, replayed.byteLength) / size;
  const differences: ElementDifference[] = [];
  for (let element = 0; element < count && differences.length < MOST_DIFFERENCES; element++) {
    const [a, b] = [recorded, replayed].map((bytes) => bytes.subarray(element * size, (element + 1) * size));
    if (Buffer.compare(a!, b!) === 0) continue;
    const texts = [a!, b!].map((bytes) => textOf(dtype, bytes));
    const isAlike = texts[0] === texts[1];
    const [recordedText, replayedText] = texts.map((text, i) => (isAlike ? `${text} (${bitsOf([a!, b!][i]!)})` : text));
    differences.push({ element, recorded: recordedText, replayed: replayedText });
  }
  return differences;
}

function textOf(dtype: DType, bytes: Uint8Array): string | undefined {
  if (bytes.byteLength === 0) return undefined;
  const value = typedArray(dtype, bytes)[0];
  return Object.is(value, -0) ? '-0' : String(value);
}

function bitsOf(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).reverse().toString('hex')}`;
}
