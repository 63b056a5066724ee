import { ByteWriter } from './bytes.js';
import { VAL } from './opcodes.js';
import type { Val } from './opcodes.js';

export interface WasmFunction {
  readonly params: readonly Val[];
  readonly results: readonly Val[];
  /** Code section entry, with its size. */
  readonly code: Uint8Array;
}

const SECTION = { type: 1, import: 2, function: 3, global: 6, export: 7, code: 10 } as const;
/** 4 GiB, so that a memory of any size fits the import. */
const MAX_PAGES = 65_536;

/** A module over imported shared memory with one i64 global (the violations); exports function `run`. */
export function encodeModule(functions: readonly WasmFunction[], run: number): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter().append([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
  section(out, SECTION.type, functions.length, (w) => {
    for (const { params, results } of functions) {
      w.u8(0x60)
        .u32(params.length)
        .append(params.map((p) => VAL[p]));
      w.u32(results.length).append(results.map((r) => VAL[r]));
    }
  });
  // Limits flag 3: shared, with a maximum.
  section(out, SECTION.import, 1, (w) => w.name('env').name('memory').u8(0x02).u8(0x03).u32(1).u32(MAX_PAGES));
  section(out, SECTION.function, functions.length, (w) => {
    functions.forEach((_, type) => w.u32(type));
  });
  section(out, SECTION.global, 1, (w) => w.append([VAL.i64, 0x01, 0x42, 0x00, 0x0b]));
  section(out, SECTION.export, 1, (w) => w.name('run').u8(0x00).u32(run));
  section(out, SECTION.code, functions.length, (w) => {
    for (const { code } of functions) w.append(code);
  });
  return out.bytes.slice();
}

function section(out: ByteWriter, id: number, count: number, write: (w: ByteWriter) => void): void {
  const content = new ByteWriter().u32(count);
  write(content);
  out.u8(id).u32(content.bytes.length).append(content.bytes);
}
