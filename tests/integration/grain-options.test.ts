/** The options of addGpuBridge that name grain types. */
import { Tokens } from '@gpu-bridge/abstractions';
import { defineStream } from '@gpu-bridge/grains';
import { addGpuBridge } from '@gpu-bridge/hosting';
import type { GpuBridgeHostOptions } from '@gpu-bridge/hosting';
import { f64, input, mapKernel, output } from '@gpu-bridge/kernels';
import { Container } from 'inversify';
import { describe, expect, it } from 'vitest';

const half = mapKernel('half', { params: { x: input(f64), y: output(f64) } }, (_k, { x, y }) => {
  y.value = x / 2;
});
const stream = defineStream({ kernel: half });
const resident = { type: 'table', columns: { x: f64 } };

describe('grain types in the options of a host', () => {
  it.each([
    { streams: [half] },
    { streams: stream },
    { streams: [null] },
    { streams: [stream, stream] },
    { residents: resident },
    { residents: [null] },
    { residents: [{ columns: { x: f64 } }] },
    { residents: [resident, { ...resident, columns: {} }] },
  ])('are refused where they are none, or stand there twice, before anything is bound: %o', (options) => {
    const container = new Container();
    expect(() => addGpuBridge(container, options as unknown as GpuBridgeHostOptions)).toThrow(/INVALID_ARGUMENT/);
    expect(container.isBound(Tokens.GpuBridge)).toBe(false);
  });

  it('are refused at the start where their columns are none', async () => {
    const residents = [{ type: 'table', columns: {} }];
    await expect(addGpuBridge(new Container(), { residents, cpu: { workers: 1 } }).start()).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});
