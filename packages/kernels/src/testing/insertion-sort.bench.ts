/** Ragged insertion sort: the WebAssembly artifact against the same loop over typed arrays in JavaScript. */
import { bench, describe } from 'vitest';
import { createKernelCompiler } from '../index.js';
import { instantiate, prepare } from './argument-block.js';
import { sorted } from './sample-kernels.js';

const ITEMS = 4000;
let seed = 1;
const random = (): number => (seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
const lines = Array.from({ length: ITEMS }, () =>
  Array.from({ length: 4 + Math.floor(random() * 24) }, () => ({
    amount: BigInt(Math.floor(random() * 1e9)),
    account: 1,
  })),
);

const compiled = createKernelCompiler().compile(sorted);
const prepared = prepare(compiled, { size: ITEMS, values: { lines } }, 64);
const wasm = instantiate(compiled, 'wasm', prepared.layout.memory);

const offsets = new Uint32Array(ITEMS + 1);
lines.forEach((list, i) => (offsets[i + 1] = (offsets[i] ?? 0) + list.length));
const total = offsets[ITEMS] ?? 0;
const amounts = Float64Array.from(lines.flat(), (line) => Number(line.amount));
const order = new Uint32Array(64);
const rank = new Uint32Array(total);
const out = new Float64Array(total);

function sortAll(keys: Float64Array, result: Float64Array): void {
  for (let item = 0; item < ITEMS; item++) {
    const start = offsets[item]!;
    const length = offsets[item + 1]! - start;
    for (let i = 0; i < length; i++) {
      const key = keys[start + i]!;
      let j = i;
      while (j > 0 && keys[start + order[j - 1]!]! > key) {
        order[j] = order[j - 1]!;
        j--;
      }
      order[j] = i;
    }
    for (let i = 0; i < length; i++) {
      rank[start + i] = i;
      result[start + i] = keys[start + order[i]!]!;
    }
  }
}

describe('insertion sort of 4,000 lists of 4 to 27 lines', () => {
  bench('wasm, i64 keys, checked', () => void wasm(prepared.layout.block, 0, ITEMS, 0));
  bench('javascript, f64 keys', () => sortAll(amounts, out));
});
