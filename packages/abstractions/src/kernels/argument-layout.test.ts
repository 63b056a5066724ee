import { describe, expect, it } from 'vitest';
import { ARGUMENT_HEADER_BYTES, ARGUMENT_SLOT_BYTES, argumentLayout } from './argument-layout.js';
import { bool, f32, i64, u32 } from './dtype.js';
import { atomic, inout, input, output, scratch, uniform } from './params.js';
import { ragged, struct } from './schema.js';

describe('argumentLayout', () => {
  it('lists slots in parameter order: offsets or counts first, then columns in field order', () => {
    const Line = struct({ account: u32, amount: i64 });
    const layout = argumentLayout({
      limit: uniform(i64),
      lines: input(ragged(Line)),
      weight: input(f32),
      flags: output(bool),
      flows: output(ragged(Line, { max: [1, 0] })),
      work: scratch(f32, { max: [1, 0] }),
    });
    expect(layout.slots.map((s) => `${s.param}.${s.part}.${s.column}:${s.dtype}`)).toEqual([
      'limit.uniform.value:i64',
      'lines.offsets.value:u32',
      'lines.column.account:u32',
      'lines.column.amount:i64',
      'weight.column.value:f32',
      'flags.column.value:bool',
      'flows.counts.value:u32',
      'flows.column.account:u32',
      'flows.column.amount:i64',
      'work.scratch.value:f32',
    ]);
    expect(layout.sizeBytes).toBe(ARGUMENT_HEADER_BYTES + 10 * ARGUMENT_SLOT_BYTES);
  });

  it('gives inout and atomic arrays one slot a column', () => {
    const layout = argumentLayout({ cells: inout(struct({ a: f32, b: u32 })), bins: atomic(u32) });
    expect(layout.slots.map((s) => `${s.param}.${s.column}`)).toEqual(['cells.a', 'cells.b', 'bins.value']);
  });

  it('is a header alone for a kernel without parameters', () => {
    expect(argumentLayout({})).toEqual({ slots: [], sizeBytes: ARGUMENT_HEADER_BYTES });
  });
});
