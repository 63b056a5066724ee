import type { GpuExecutionHints, GrainId } from '@gpu-bridge/abstractions';
import { FakeClock } from '@gpu-bridge/testkit';
import { describe, expect, test } from 'vitest';
import { EXECUTE_FORM, EXECUTE_GRID_FORM } from './batch-remote-form.js';

const target: GrainId = { type: 'gpu-batch', key: 'scale' };

describe('arguments', () => {
  test('cross as they are', () => {
    const { signal } = new AbortController();
    const columns = {
      wide: BigInt64Array.of(-1n),
      asNumbers: Float64Array.of(2 ** 52),
      split: { low: Uint32Array.of(1), high: Int32Array.of(-1) },
      lists: { offsets: Uint32Array.of(0, 2), columns: { value: Float32Array.of(1, 2) } },
      factor: 5n,
      enabled: true,
    };
    const clock = new FakeClock();
    const args: Parameters<NonNullable<typeof EXECUTE_FORM.packArguments>>[0] = [
      columns,
      { tenant: 'acme' },
      signal,
      { mode: 'copy' },
    ];
    const packed = EXECUTE_FORM.packArguments!(args, clock);
    expect(packed[0]).toBe(columns);
    expect(EXECUTE_FORM.unpackArguments!(packed, clock)).toEqual(args);
    const grid = EXECUTE_GRID_FORM.packArguments!([{ n: 4 }, { globalSize: [2] }], clock);
    expect(EXECUTE_GRID_FORM.unpackArguments!(grid, clock).slice(0, 2)).toEqual([{ n: 4 }, { globalSize: [2] }]);
  });

  test('a deadline crosses as the time that is left, to another clock', () => {
    const here = new FakeClock(1_000n);
    const there = new FakeClock(500_000n);
    const packed = EXECUTE_FORM.packArguments!([{}, { deadlineNs: 1_700n, epoch: 'e' }], here);
    expect(EXECUTE_FORM.unpackArguments!(packed, there)[1]).toEqual({ deadlineNs: 500_700n, epoch: 'e' });
    const late = EXECUTE_FORM.packArguments!([{}, { deadlineNs: 100n }], here);
    expect(EXECUTE_FORM.unpackArguments!(late, there)[1]).toEqual({ deadlineNs: 499_100n });
    expect(EXECUTE_FORM.unpackArguments!(late, new FakeClock(10n))[1]).toEqual({ deadlineNs: 0n });
  });

  test.each([null, 'fast', { deadlineNs: 5 }, { priority: 'urgent' }])(
    'hints that a kernel refuses reach it, to be refused in its words: %o',
    (hints) => {
      const clock = new FakeClock();
      const packed = EXECUTE_FORM.packArguments!([{}, hints as unknown as GpuExecutionHints], clock);
      expect(EXECUTE_FORM.unpackArguments!(packed, clock)[1]).toEqual(hints);
    },
  );

  test.each([
    [[{}, [{ deadlineNs: 5n }, undefined]]],
    [[{}, ['fast']]],
    [[{}, [null, undefined]]],
    [[{}, [{}, 5]]],
    [[{}, [{}, 2n ** 63n]]],
    [[{}, undefined, 'signal']],
    [[{}, undefined, undefined, undefined, 1]],
  ])('what is never packed is refused: %o', (packed) => {
    expect(() => EXECUTE_FORM.unpackArguments!(packed, new FakeClock())).toThrow(/INVALID_ARGUMENT/);
  });
});

describe('placement', () => {
  test('asks for silos that have the kernel, named by name or id', () => {
    expect(EXECUTE_FORM.placement!([{}], target)).toEqual({ kernels: ['scale'] });
    expect(EXECUTE_FORM.placement!([{}], { ...target, key: 'scale@0123456789abcdef' })).toEqual({ kernels: ['scale'] });
  });

  test('asks for what the hints say', () => {
    const hints = { deviceType: 'gpu', preferredDevice: 'cuda:1', tenant: 'acme' } as const;
    const expected = { kernels: ['scale'], deviceType: 'gpu', device: 'cuda:1' };
    expect(EXECUTE_FORM.placement!([{}, hints], target)).toEqual(expected);
    expect(EXECUTE_GRID_FORM.placement!([{}, { globalSize: [1] }, hints], target)).toEqual(expected);
  });
});

test('only what a batch grain returned becomes a stream', () => {
  expect(() => EXECUTE_FORM.toStream!({} as never)).toThrow(/INVALID_ARGUMENT/);
});
