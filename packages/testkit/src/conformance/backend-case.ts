import type {
  ComputeBackend,
  ComputeDevice,
  DeviceDescription,
  Executor,
  KernelCompiler,
} from '@gpu-bridge/abstractions';
import { DeviceDriver } from '../driver/device-driver.js';
import { Unsupported } from '../driver/unsupported.js';
import { SeededRandom } from '../random/seeded-random.js';

/** What a backend may be unable to do by its nature; it is then *unsupported*, with the reason given. */
export type BackendFeature = 'preemption' | 'clock';

/** A backend under test. */
export interface BackendSubject {
  readonly name: string;
  /** A fresh backend; each case makes one and closes what it opened. At least two executors are wanted. */
  readonly createBackend: () => ComputeBackend | Promise<ComputeBackend>;
  readonly compiler: KernelCompiler;
  /** Seals the device after each kernel that a case loads, so that all cases run in its resident form. */
  readonly seals?: boolean;
  /** Default: the first device that is discovered. */
  readonly deviceId?: string;
  /**
   * Features it has not, and why. `preemption`: an executor can be killed while a kernel spins, and others go on
   * meanwhile. `clock`: completions say how long their entries took.
   */
  readonly lacks?: Partial<Record<BackendFeature, string>>;
  /** Makes an executor die as if by itself; without it that case is unsupported. */
  readonly provokeExit?: (executor: Executor, device: ComputeDevice) => void | Promise<void>;
  /** Longest wait for anything, ms; default 30,000. */
  readonly boundMs?: number;
}

/** What a case works with. */
export interface BackendContext {
  readonly subject: BackendSubject;
  readonly backend: ComputeBackend;
  readonly description: DeviceDescription;
  /** Seeded by the case's name, the same in every run. */
  readonly random: SeededRandom;
  /** Opens the device; closed when the case ends. */
  readonly open: () => Promise<DeviceDriver>;
  /** @throws Unsupported unless the backend has the feature. */
  readonly need: (feature: BackendFeature) => void;
}

/** One sentence of behaviour, and how to see it. */
export interface BackendCase {
  readonly name: string;
  run(context: BackendContext): Promise<void>;
}

export type CaseOutcome = { readonly outcome: 'pass' } | { readonly outcome: 'unsupported'; readonly reason: string };

/**
 * Runs one case against a backend.
 *
 * @returns `pass`, or `unsupported` as the backend's own declarations say.
 * @throws what the case found wrong.
 */
export async function runBackendCase(test: BackendCase, subject: BackendSubject): Promise<CaseOutcome> {
  const backend = await subject.createBackend();
  const devices: ComputeDevice[] = [];
  try {
    const found = await backend.discover();
    const description = found.find((d) => subject.deviceId === undefined || d.id === subject.deviceId);
    if (description === undefined) throw new Unsupported(`no ${backend.name} device`);
    await test.run(contextOf(test, subject, backend, description, devices));
    return { outcome: 'pass' };
  } catch (error) {
    if (error instanceof Unsupported) return { outcome: 'unsupported', reason: error.message };
    throw error;
  } finally {
    for (const device of devices) await device.close(0);
  }
}

function contextOf(
  test: BackendCase,
  subject: BackendSubject,
  backend: ComputeBackend,
  description: DeviceDescription,
  devices: ComputeDevice[],
): BackendContext {
  return {
    subject,
    backend,
    description,
    random: new SeededRandom(
      [...test.name].reduce((hash, c) => Math.imul(hash ^ c.charCodeAt(0), 0x01000193), 0x811c9dc5),
    ),
    open: async () => {
      const device = await backend.open(description.id);
      devices.push(device);
      const { compiler, boundMs = 30_000, seals = false } = subject;
      return new DeviceDriver(device, { compiler, boundMs, seals });
    },
    need: (feature) => {
      const reason = subject.lacks?.[feature];
      if (reason !== undefined) throw new Unsupported(`no ${feature}: ${reason}`);
    },
  };
}
