import { resolveOptions } from '@gpu-bridge/abstractions';
import type { ComputeDevice, GpuBridgeOptions, KernelCompiler, KernelTarget, Logger } from '@gpu-bridge/abstractions';
import { createNativeBackends } from '@gpu-bridge/compute-native';
import { createKernelCompiler } from '@gpu-bridge/kernels';
import { Op, Status, createCqe, createSqe } from '@gpu-bridge/protocol';
import { DeviceDriver } from '@gpu-bridge/testkit';
import { axpy } from './axpy.js';
import { percentile } from './report.js';

const ITEMS = 64;
const WARM_UP_ENTRIES = 20_000;
const ENTRIES = 10_000;
const SILENT: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** Medians, by window, of one entry of 64 items through a native device's ring and nothing else: submit, spin, reap. */
export async function rawRing({ native }: GpuBridgeOptions, windows: number): Promise<number[]> {
  const resolved = resolveOptions({ native: native! }).native;
  const [backend] = resolved === false ? [] : createNativeBackends(resolved, SILENT);
  const [description] = await backend!.discover();
  // Where there is none, `open` says why.
  const device = await backend!.open(description?.id ?? 'none');
  try {
    return await roundTrips(device, windows);
  } finally {
    await device.close(1_000);
  }
}

async function roundTrips(device: ComputeDevice, windows: number): Promise<number[]> {
  const driver = new DeviceDriver(device, { compiler: compilerFor(device.description.targets[0]!), seals: true });
  const kernel = await driver.load(axpy);
  const column = Array.from({ length: ITEMS }, (_, i) => i);
  const args = driver.bind(kernel, { itemCount: ITEMS, inputs: { a: 2, x: column, y: column } });
  const { ring, generation, group } = device.executors[0]!;
  const entry = { ...createSqe(), op: Op.RUN, kernel: kernel.kernelNumber, generation, group };
  entry.paramsLow = args.offset;
  entry.itemCount = ITEMS;
  const completion = createCqe();
  const roundTrip = (): number => {
    const start = performance.now();
    ring.submit(entry);
    while (!ring.reap(completion));
    const elapsed = performance.now() - start;
    if (completion.status !== Status.OK) throw new Error(`an entry was answered with status ${completion.status}`);
    return elapsed * 1e3;
  };
  for (let i = 0; i < WARM_UP_ENTRIES; i++) roundTrip();
  const medians: number[] = [];
  for (let w = 0; w < windows; w++) {
    args.column('z').fill(0 as never);
    medians.push(percentile(Array.from({ length: ENTRIES }, roundTrip), 50));
    args.column('z').forEach((z: number | bigint, i: number) => {
      if (z !== 3 * i) throw new Error(`item ${i} is ${z}, expected ${3 * i}`);
    });
  }
  return medians;
}

function compilerFor(target: KernelTarget): KernelCompiler {
  const compiler = createKernelCompiler();
  return { ...compiler, compile: (definition) => compiler.compile(definition, { targets: [target] }) };
}

function ignore(): void {
  // Nothing of what a device logs belongs to the figures.
}
