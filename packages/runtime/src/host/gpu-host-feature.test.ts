import { f64, input, output, resolveOptions } from '@gpu-bridge/abstractions';
import type { KernelDefinition } from '@gpu-bridge/abstractions';
import { BodyCompiler, FakeClock, ReferenceBackend } from '@gpu-bridge/testkit';
import { describe, expect, it } from 'vitest';
import { KernelCatalog } from '../catalog/kernel-catalog.js';
import { LogLines } from '../testing/fixture.js';
import { GpuHostFeature } from './gpu-host-feature.js';

const wide: KernelDefinition = {
  kind: 'map',
  name: 'wide',
  params: { x: input(f64), y: output(f64) },
  constants: {},
  uses: {},
  fp: 'strict',
  bounds: 'checked',
  body: (_k, p: { x: number; y: { value: number } }) => void (p.y.value = p.x),
};

function feature(...backends: ReferenceBackend[]): { readonly feature: GpuHostFeature; readonly logger: LogLines } {
  const logger = new LogLines();
  const options = resolveOptions({ kernels: [wide] });
  const catalog = new KernelCatalog(new BodyCompiler());
  return { feature: new GpuHostFeature(backends, catalog, options, new FakeClock(), logger), logger };
}

describe('GpuHostFeature', () => {
  it('names the devices that refuse a kernel, and goes on with those that take it', async () => {
    const narrow = new ReferenceBackend({ name: 'narrow', offers: [] });
    const { feature: devices, logger } = feature(narrow, new ReferenceBackend());
    await devices.start();
    expect(devices.refusals).toMatchObject([{ deviceId: 'narrow:0', missing: ['f64'] }]);
    expect(devices.refusals[0]?.kernelId).toMatch(/^wide@/);
    expect(logger.lines).toContain('warn: a device refuses a kernel');
    await devices.stop();
  });

  it('does not start with a kernel that runs nowhere, and closes what it opened', async () => {
    const narrow = new ReferenceBackend({ name: 'narrow', offers: [] });
    const { feature: devices } = feature(narrow);
    await expect(devices.start()).rejects.toMatchObject({ code: 'KERNEL_REFUSED', details: { missing: ['f64'] } });
    expect(devices.hosts).toEqual([]);
  });
});
