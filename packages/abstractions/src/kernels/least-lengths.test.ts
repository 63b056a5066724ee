import { describe, expect, it } from 'vitest';
import { argumentLayout } from './argument-layout.js';
import { f64, u32 } from './dtype.js';
import { leastLengths } from './least-lengths.js';
import { atomic, inout, input, output, scratch, uniform } from './params.js';
import type { KernelParams } from './params.js';
import { ragged, struct } from './schema.js';

/** Lines of `PARAM.PART.COLUMN TIMES OF PLUS`. */
function linesOf(kind: 'map' | 'grid', params: KernelParams, workspaceBytes = 0): string[] {
  const { slots } = argumentLayout(params, workspaceBytes);
  const least = leastLengths({ kind, params, workspaceBytes }, slots);
  return slots.map(({ param, part, column }, i) => {
    const { times, of, plus } = least[i]!;
    return `${param}.${part}.${column} ${times} ${of} ${plus}`;
  });
}

describe('leastLengths', () => {
  it('wants of a map what its items need, however long their lists are', () => {
    const Line = struct({ account: u32, amount: f64 });
    const params = {
      limit: uniform(u32),
      lines: input(ragged(Line)),
      pair: input(Line),
      flows: output(ragged(u32, { max: [2, 3] })),
      total: output(f64),
      work: scratch(u32, { max: [4, 5] }),
    };
    expect(linesOf('map', params, 128)).toEqual([
      'limit.uniform.value 0 items 0',
      'lines.offsets.value 1 items 1',
      'lines.column.account 0 items 0',
      'lines.column.amount 0 items 0',
      'pair.column.account 1 items 0',
      'pair.column.amount 1 items 0',
      'flows.counts.value 1 items 0',
      'flows.column.value 3 items 0',
      'total.column.value 1 items 0',
      'work.scratch.value 0 items 5',
      '.workspace. 0 items 32',
    ]);
  });

  it('wants of a grid that columns of an array are as long as its first', () => {
    const params = {
      by: uniform(f64),
      cells: inout(struct({ x: u32, y: f64, z: u32 })),
      bins: atomic(u32),
      out: output(struct({ x: u32, y: u32 })),
    };
    expect(linesOf('grid', params)).toEqual([
      'by.uniform.value 0 items 0',
      'cells.column.x 0 items 0',
      'cells.column.y 1 1 0',
      'cells.column.z 1 1 0',
      'bins.column.value 0 items 0',
      'out.column.x 0 items 0',
      'out.column.y 1 5 0',
    ]);
  });
});
