import { setTimeout as pause } from 'node:timers/promises';
import { Tokens, resolveOptions } from '@gpu-bridge/abstractions';
import type {
  ColumnBatch,
  ComputeBackend,
  ComputeDevice,
  GpuBridge,
  GpuKernel,
  KernelHandle,
  Logger,
} from '@gpu-bridge/abstractions';
import { CpuBackend } from '@gpu-bridge/compute-cpu';
import { addGpuBridge } from '@gpu-bridge/hosting';
import type { GpuBridgeHost, GpuBridgeHostOptions } from '@gpu-bridge/hosting';
import { Container } from 'inversify';

export interface TestSilo extends AsyncDisposable {
  readonly container: Container;
  readonly host: GpuBridgeHost;
  readonly bridge: GpuBridge;
  /** The open CPU device, for tests that make its executors die. */
  readonly device: ComputeDevice;
  readonly warnings: string[];
}

/** A started silo on two CPU workers; `await using` stops it, also when the test fails. */
export async function startSilo(options: GpuBridgeHostOptions = {}): Promise<TestSilo> {
  const container = new Container();
  const warnings: string[] = [];
  const log = (message: string): void => void warnings.push(message);
  const logger: Logger = { debug: () => undefined, info: () => undefined, warn: log, error: log };
  const host = addGpuBridge(container, { ...options, cpu: false });
  container.rebind<Logger>(Tokens.Logger).toConstantValue(logger);
  const { cpu } = resolveOptions({ cpu: { workers: 2, arenaMiB: 64, ...options.cpu } });
  if (cpu === false) throw new Error('the tests need the CPU device');
  const backend = new ObservedBackend(new CpuBackend(cpu));
  container.bind(Tokens.ComputeBackend).toConstantValue(backend);
  await host.start();
  const bridge = container.get<GpuBridge>(Tokens.GpuBridge);
  return { container, host, bridge, warnings, device: backend.device!, [Symbol.asyncDispose]: () => host.stop() };
}

/** Passes everything on and remembers the device. */
class ObservedBackend implements ComputeBackend {
  readonly name = 'cpu';
  device: ComputeDevice | undefined;
  constructor(private readonly inner: ComputeBackend) {}

  discover() {
    return this.inner.discover();
  }

  async open(id: string): Promise<ComputeDevice> {
    this.device = await this.inner.open(id);
    return this.device;
  }
}

/** All batches of a job. */
export async function readAll<T>(kernel: GpuKernel<never, T>, handle: KernelHandle<T>): Promise<ColumnBatch<T>[]> {
  const batches: ColumnBatch<T>[] = [];
  for await (const batch of kernel.readResults(handle)) batches.push(batch);
  return batches;
}

/** Waits for an outcome; gives up, as a failure, only after a time no healthy run comes near. */
export async function until(condition: () => boolean, what: string, limitMs = 30_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`never happened: ${what}`);
    await pause(1);
  }
}

/** Ends a worker thread as a crash would: nobody told the silo. */
export async function crash(device: ComputeDevice, group: number): Promise<void> {
  const { worker } = device.executors[group] as unknown as { worker: { terminate(): Promise<number> } };
  await worker.terminate();
}
