import type { DeviceInfo, EpochInfo, GpuBridge } from '@gpu-bridge/abstractions';
import { expect, test } from 'vitest';
import { capacityOf } from './device-capacity.js';

function bridgeWith(...ids: readonly string[]): GpuBridge {
  const devices = ids.map((id): Partial<DeviceInfo> => ({
    description: { id, type: 'cpu', backend: 'cpu', offers: [] } as unknown as DeviceInfo['description'],
    arena: { capacityBytes: 100, usedBytes: 30 },
    pressure: {} as DeviceInfo['pressure'],
  }));
  return { getInfo: () => ({ devices, kernels: [], refusals: [] }) } as unknown as GpuBridge;
}

function epochOf(id: string, epoch: string, isCurrent: boolean, ...deviceIds: readonly string[]): EpochInfo {
  const residency = deviceIds.length > 0 ? 'resident' : 'evicted';
  return { id, epoch, tenant: 'default', isCurrent, residency, deviceIds, sizeBytes: 1, pins: 0 };
}

test('a device names the epochs that are resident there, current ones first, and not too many', () => {
  const epochs = [
    epochOf('prices', '1', false, 'a:0'),
    epochOf('prices', '2', true, 'a:0', 'b:0'),
    epochOf('rates', '1', true),
  ];
  const named = (list: readonly EpochInfo[]) =>
    capacityOf(bridgeWith('a:0', 'b:0'), { list: () => list }).map(({ datasets }) => datasets);
  expect(named(epochs)).toEqual([['prices@2', 'prices@1'], ['prices@2']]);
  const many = Array.from({ length: 1_000 }, (_, i) => epochOf('old', `${i}`, false, 'a:0'));
  const [first] = named([...many, ...epochs]);
  expect([first!.length, first![0]]).toEqual([256, 'prices@2']);
  expect(capacityOf(bridgeWith('a:0'), undefined)[0]).toMatchObject({ datasets: [], freeArenaBytes: 70 });
  expect(capacityOf(undefined, undefined)).toEqual([]);
});
