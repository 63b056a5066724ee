import { GpuBridgeError, input, output, u32 } from '@gpu-bridge/abstractions';
import type { DeviceType, GpuExecutionHints } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import type { DeviceBroker } from '../broker/device-broker.js';
import { LogLines, descriptorOf, testDevice } from '../testing/fixture.js';
import { DeviceSelector } from './device-selector.js';

const kernel = descriptorOf({ x: input(u32), y: output(u32) }, { requires: ['f64'] });

interface Fake {
  readonly id: string;
  readonly type?: DeviceType;
  readonly queuedJobs?: number;
  readonly loads?: boolean;
  readonly isLost?: boolean;
}

function brokerOf({ id, type = 'cpu', queuedJobs = 0, loads = true, isLost = false }: Fake): DeviceBroker {
  const fake = {
    description: { ...testDevice, id, type },
    queuedJobs,
    metrics: { fallbacks: 0 },
    host: { kernel: () => (loads ? {} : undefined), health: isLost ? 'quarantined' : 'healthy' },
  };
  return fake as unknown as DeviceBroker;
}

function choose(fakes: readonly Fake[], hints: GpuExecutionHints = {}) {
  const logger = new LogLines();
  const brokers = fakes.map(brokerOf);
  const selector = new DeviceSelector(brokers, logger);
  return { select: () => selector.select(hints, kernel), brokers, logger };
}

const chosen = (fakes: readonly Fake[], hints?: GpuExecutionHints): string => {
  const { broker, fallback } = choose(fakes, hints).select();
  return `${broker.description.id}${fallback ? ' instead' : ''}`;
};

describe('DeviceSelector', () => {
  it('takes the preferred device, else the least loaded of the wanted type', () => {
    const fakes: Fake[] = [
      { id: 'cpu:0', queuedJobs: 5 },
      { id: 'gpu:0', type: 'gpu', queuedJobs: 3 },
      { id: 'gpu:1', type: 'gpu', queuedJobs: 2 },
    ];
    expect(chosen(fakes, { preferredDevice: 'cpu:0' })).toBe('cpu:0');
    expect(chosen(fakes, { deviceType: 'gpu' })).toBe('gpu:1');
    expect(chosen(fakes)).toBe('gpu:1');
  });

  it('falls back to the CPU visibly: in the answer, in a counter, and once in the log', () => {
    const { select, brokers, logger } = choose([{ id: 'cpu:0' }], { deviceType: 'gpu' });
    for (let i = 0; i < 3; i++) expect(select()).toEqual({ broker: brokers[0], fallback: true });
    expect(brokers[0]!.metrics.fallbacks).toBe(3);
    expect(logger.lines).toEqual(['warn: no gpu device is open; such jobs run on the CPU']);
  });

  it('falls back to no other kind of device, and not for a kernel the CPU refused', () => {
    const refuses = (fakes: readonly Fake[]): unknown => choose(fakes, { deviceType: 'gpu' }).select();
    expect(() => refuses([{ id: 'acc:0', type: 'accelerator' }])).toThrow(/DEVICE_NOT_FOUND.*wanted gpu, open: acc:0/);
    expect(() => refuses([{ id: 'cpu:0', loads: false }])).toThrow(/DEVICE_NOT_FOUND/);
    expect(() => refuses([])).toThrow(/open: none/);
  });

  it('passes over devices that were given up while there is another', () => {
    expect(
      chosen([
        { id: 'cpu:0', isLost: true },
        { id: 'cpu:1', queuedJobs: 9 },
      ]),
    ).toBe('cpu:1');
    expect(chosen([{ id: 'gpu:0', type: 'gpu', isLost: true }, { id: 'cpu:0' }], { deviceType: 'gpu' })).toBe(
      'cpu:0 instead',
    );
    expect(chosen([{ id: 'cpu:0', isLost: true }])).toBe('cpu:0'); // its broker says why
  });

  it('takes another device for a preferred one that was given up, visibly, while there is one', () => {
    const lost: Fake = { id: 'gpu:0', type: 'gpu', isLost: true };
    const others: Fake[] = [
      { id: 'cpu:0', queuedJobs: 3 },
      { id: 'gpu:1', type: 'gpu', queuedJobs: 9 },
    ];
    expect(chosen([lost, ...others], { preferredDevice: 'gpu:0' })).toBe('cpu:0 instead');
    expect(chosen([lost, ...others], { preferredDevice: 'gpu:0', deviceType: 'gpu' })).toBe('gpu:1 instead');
    expect(chosen([lost], { preferredDevice: 'gpu:0' })).toBe('gpu:0'); // its broker says why
  });

  it('finds a substitute of the wanted type, else the CPU, else any that takes the job', () => {
    const fakes: Fake[] = [
      { id: 'cpu:0', queuedJobs: 9 },
      { id: 'acc:0', type: 'accelerator' },
      { id: 'gpu:0', type: 'gpu', isLost: true },
    ];
    const substitute = (hints: GpuExecutionHints, refused: readonly string[] = []): string | undefined => {
      const selector = new DeviceSelector(fakes.map(brokerOf), new LogLines());
      const found = selector.substitute(hints, kernel, ({ description: { id } }) => !refused.includes(id));
      return found && `${found.broker.description.id}${found.fallback ? ' instead' : ''}`;
    };
    expect(substitute({})).toBe('acc:0');
    expect(substitute({ deviceType: 'cpu' })).toBe('cpu:0');
    expect(substitute({ deviceType: 'gpu' })).toBe('cpu:0 instead');
    expect(substitute({ deviceType: 'gpu' }, ['cpu:0'])).toBe('acc:0 instead');
    expect(substitute({ preferredDevice: 'acc:0' })).toBe('acc:0');
    expect(substitute({}, ['cpu:0', 'acc:0'])).toBeUndefined();
  });

  it('explains a preferred device that is unknown or refused the kernel', () => {
    expect(() => choose([{ id: 'cpu:0' }], { preferredDevice: 'cuda:0' }).select()).toThrow(
      /wanted cuda:0, open: cpu:0/,
    );
    let thrown: unknown;
    try {
      choose([{ id: 'cpu:0', loads: false }], { preferredDevice: 'cpu:0' }).select();
    } catch (error) {
      thrown = error;
    }
    if (!GpuBridgeError.is(thrown, 'KERNEL_REFUSED')) throw thrown;
    expect(thrown.details).toEqual({ kernel: 'test', deviceId: 'cpu:0', missing: ['f64'] });
  });
});
