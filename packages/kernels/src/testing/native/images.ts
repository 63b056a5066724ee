import { readFileSync, writeFileSync } from 'node:fs';

const PAGE_BYTES = 4096;

/** Puts memories into one file at multiples of the page size; their offsets. */
export function writeImages(path: string, memories: readonly Uint8Array[]): number[] {
  const offsets: number[] = [];
  let total = 0;
  for (const { byteLength } of memories) {
    offsets.push(total);
    total += Math.ceil(byteLength / PAGE_BYTES) * PAGE_BYTES;
  }
  const bytes = Buffer.alloc(total);
  memories.forEach((memory, i) => bytes.set(memory, offsets[i]));
  writeFileSync(path, bytes);
  return offsets;
}

/** Brings back what became of them. */
export function readImages(path: string, memories: readonly Uint8Array[], offsets: readonly number[]): void {
  const after = readFileSync(path);
  memories.forEach((memory, i) => {
    const from = offsets[i] ?? 0;
    memory.set(after.subarray(from, from + memory.byteLength));
  });
}
