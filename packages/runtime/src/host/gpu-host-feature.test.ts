import { GpuBridgeError, f64, input, output, resolveOptions } from '@gpu-bridge/abstractions';
import type { ComputeBackend, GpuBridgeOptions, KernelCompiler, LinkMember } from '@gpu-bridge/abstractions';
import { BodyCompiler, FakeClock, ReferenceBackend } from '@gpu-bridge/testkit';
import { describe, expect, it } from 'vitest';
import { KernelCatalog } from '../catalog/kernel-catalog.js';
import { LogLines, definitionOf } from '../testing/fixture.js';
import { GpuHostFeature } from './gpu-host-feature.js';

const wide = definitionOf('wide', { params: { x: input(f64), y: output(f64) } });

function feature(...backends: ComputeBackend[]): { readonly feature: GpuHostFeature; readonly logger: LogLines } {
  return featureWith(new BodyCompiler(), backends);
}

function featureWith(
  compiler: KernelCompiler,
  backends: readonly ComputeBackend[],
  kernels = [wide],
  more: GpuBridgeOptions = {},
) {
  const logger = new LogLines();
  const options = resolveOptions({ kernels, ...more });
  const catalog = new KernelCatalog(compiler);
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

  it('does not start without a device, unless none is required', async () => {
    const { feature: devices } = feature();
    await expect(devices.start()).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    const { feature: without } = featureWith(new BodyCompiler(), [], [wide], { requireDevice: false });
    await without.start();
    expect(without.hosts).toEqual([]);
    await without.stop();
  });

  it('seals a device with the kernels that it has loaded, after all of them', async () => {
    const narrow = definitionOf('narrow');
    const sealed: (readonly LinkMember[])[] = [];
    const inner = new ReferenceBackend({ offers: [] });
    const backend: ComputeBackend = {
      name: 'sealing',
      discover: () => inner.discover(),
      open: async (id) =>
        Object.assign(await inner.open(id), {
          seal: async (link: (target: 'opencl') => unknown) => void link('opencl'),
        }),
    };
    const compiler = Object.assign(new BodyCompiler(), {
      link: (members: readonly LinkMember[], target: string) => {
        expect(target).toBe('opencl');
        sealed.push(members);
        return [];
      },
    });
    const { feature: devices } = featureWith(compiler, [backend, new ReferenceBackend()], [wide, narrow]);
    await devices.start();
    expect(sealed).toEqual([[{ number: 1, definition: narrow }]]); // refused kernels have no number, and one device seals
    await devices.stop();
  });

  it('does not seal where the compiler links nothing', async () => {
    const inner = new ReferenceBackend();
    const device = await inner.open('reference:0');
    const backend: ComputeBackend = {
      name: 'sealing',
      discover: () => inner.discover(),
      open: async () => Object.assign(device, { seal: () => Promise.reject(new Error('it was sealed')) }),
    };
    const { feature: devices } = feature(backend);
    await devices.start();
    await devices.stop();
  });

  it('goes on without a device that cannot be opened, and says why', async () => {
    const reason = 'the driver crashed';
    const broken: ComputeBackend = {
      name: 'broken',
      discover: () => new ReferenceBackend({ name: 'broken' }).discover(),
      open: () => Promise.reject(new GpuBridgeError('BACKEND_UNAVAILABLE', { backend: 'broken', reason }, reason)),
    };
    const { feature: devices, logger } = feature(broken, new ReferenceBackend());
    await devices.start();
    expect(devices.hosts.length).toBe(1);
    expect(devices.unavailable).toEqual([{ backend: 'broken', reason: 'broken:0: the driver crashed' }]);
    expect(logger.lines).toContain('warn: no broken device');
    await devices.stop();

    const { feature: without } = feature(broken);
    await expect(without.start()).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringContaining(reason) as string,
    });
  });

  describe.each([['loads a kernel'], ['is sealed']])('where a device is lost while it %s', (when) => {
    /** Its executors die over the first kernel, or its host over the seal. */
    const fragile = (): ComputeBackend => {
      const inner = new ReferenceBackend({ name: 'fragile' });
      const lost = new GpuBridgeError('DEVICE_LOST', { deviceId: 'fragile:0', deviceGeneration: 1 }, 'the driver died');
      return {
        name: 'fragile',
        discover: () => inner.discover(),
        open: async (id) => {
          const device = await inner.open(id);
          if (when === 'is sealed') return Object.assign(device, { seal: () => Promise.reject(lost) });
          for (const executor of device.executors) executor.faultAtNextEntry('exit');
          return device;
        },
      };
    };
    const linking = Object.assign(new BodyCompiler(), { link: () => [] });

    it('goes on without it, and says why', async () => {
      const { feature: devices, logger } = featureWith(linking, [fragile(), new ReferenceBackend()]);
      await devices.start();
      expect(devices.hosts.map(({ device }) => device.description.id)).toEqual(['reference:0']);
      expect(devices.unavailable).toEqual([
        { backend: 'fragile', reason: expect.stringMatching(/^fragile:0: .*DEVICE_LOST.* died/) as string },
      ]);
      expect(logger.lines).toContain('warn: no fragile device');
      await devices.stop();
    });

    it('does not start with no other device, or with none that takes its kernels', async () => {
      const { feature: alone } = featureWith(linking, [fragile()]);
      await expect(alone.start()).rejects.toMatchObject({
        code: 'BACKEND_UNAVAILABLE',
        message: expect.stringContaining('fragile:0: ') as string,
      });
      const narrow = new ReferenceBackend({ name: 'narrow', offers: [] });
      const { feature: devices } = featureWith(linking, [narrow, fragile()]);
      await expect(devices.start()).rejects.toMatchObject({
        code: 'KERNEL_REFUSED',
        details: { deviceId: 'narrow:0' },
      });
      expect(devices.hosts).toEqual([]);
      expect(narrow.opened[0]?.isClosed).toBe(true);
    });
  });
});
