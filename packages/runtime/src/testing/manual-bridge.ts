import { inout, input, output, resolveOptions, u32 } from '@gpu-bridge/abstractions';
import type { BrokerOptions, GpuExecutionHints, KernelHandle, TenantsOptions } from '@gpu-bridge/abstractions';
import { BodyCompiler, FakeClock, ReferenceBackend } from '@gpu-bridge/testkit';
import type { ReferenceBackendOptions, ReferenceDevice } from '@gpu-bridge/testkit';
import { setImmediate as turn } from 'node:timers/promises';
import { LocalGpuBridge } from '../bridge/local-gpu-bridge.js';
import type { DeviceBroker } from '../broker/device-broker.js';
import { KernelCatalog } from '../catalog/kernel-catalog.js';
import { GpuHostFeature } from '../host/gpu-host-feature.js';
import { LogLines, definitionOf } from './fixture.js';

const increment = definitionOf('increment', {
  body: (_k, p: { x: number; y: { value: number } }) => void (p.y.value = p.x + 1),
});

export interface ManualSetting {
  readonly broker?: BrokerOptions;
  readonly tenants?: TenantsOptions;
  readonly names?: readonly string[];
  readonly device?: ReferenceBackendOptions;
}

/** Changes an array: what ran half must not run on it again. */
const triple = definitionOf('triple', {
  kind: 'grid',
  params: { cells: inout(u32) },
  body: (k: { global: { x: number } }, { cells }: { cells: number[] }) => {
    cells[k.global.x]! *= 3;
  },
});

/** Writes every other element only: the rest shows what was in its memory before. */
const sparse = definitionOf('sparse', {
  kind: 'grid',
  params: { x: input(u32), y: output(u32) },
  body: (k: { global: { x: number } }, { x, y }: { x: number[]; y: number[] }) => {
    if (k.global.x % 2 === 0) y[k.global.x] = x[k.global.x]!;
  },
});

/** A bridge over devices that run an entry only when the test steps them, and that are given up after two deaths. */
export async function startManualBridge(options: ManualSetting = {}) {
  const { broker = {}, tenants = {}, names = ['a', 'b'], device: setting = {} } = options;
  const clock = new FakeClock(1_000_000n, 2_000n);
  const backends = names.map((name) => new ReferenceBackend({ name, manual: true, executors: 1, clock, ...setting }));
  const health = { maxDeathsPerMinute: 1, quarantineMs: 5_000, slotBudgetMs: 50 };
  const resolved = resolveOptions({ kernels: [increment, triple, sparse], cpu: false, broker, tenants, health });
  const logger = new LogLines();
  const catalog = new KernelCatalog(new BodyCompiler());
  const feature = new GpuHostFeature(backends, catalog, resolved, clock, logger);
  const bridge = new LocalGpuBridge(feature, catalog, resolved, clock, logger);
  let isOpen = false;
  void feature.start().then(() => (isOpen = true));
  while (!isOpen) {
    for (const { opened } of backends) opened[0]?.runUntilIdle();
    await turn();
  }
  bridge.start();
  const devices = backends.map(({ opened }) => opened[0]!);
  const [a, b] = devices as [ReferenceDevice, ReferenceDevice];
  const kernel = bridge.getKernel('increment');
  const brokers = (bridge as unknown as { brokers: readonly DeviceBroker[] }).brokers;
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await turn();
  };
  const submit = (items: number, hints: GpuExecutionHints = { preferredDevice: 'a:0' }) =>
    kernel.submitBatch({ x: Uint32Array.from({ length: items }, (_, i) => i) }, hints);
  /** Its executor dies until nobody starts it any more. */
  const quarantine = async (device: ReferenceDevice): Promise<void> => {
    for (let i = 0; i < 2; i++) {
      device.executors[0]!.exit('boom');
      await settle();
    }
  };
  /** Lets devices and bridge take turns until a job has ended. */
  const end = async (handle: KernelHandle) => {
    for (let i = 0; i < 2_000 && (handle.state === 'queued' || handle.state === 'running'); i++) {
      for (const device of devices) device.step();
      await turn();
      clock.advanceMs(1);
    }
    return handle.result;
  };
  const read = (handle: KernelHandle, mode: 'copy' | 'borrow' = 'copy') =>
    kernel.readResults(handle as never, { mode })[Symbol.asyncIterator]();
  const info = (index: number) => bridge.getInfo().devices[index]!;
  return { clock, bridge, kernel, brokers, a, b, submit, quarantine, settle, end, read, info, logger };
}
