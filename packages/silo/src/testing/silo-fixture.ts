import type { Grain, GrainClass, GrainContext, GrainOptions, Logger } from '@gpu-bridge/abstractions';
import { Silo } from '../silo/silo.js';
import type { SiloServices } from '../silo/silo.js';
import type { SiloOptions } from '../silo/silo-options.js';
import { FakeClock } from '@gpu-bridge/testkit';

/** A promise that a test settles. */
export interface Gate {
  readonly passed: Promise<void>;
  open(): void;
  fail(error: Error): void;
}

export function gate(): Gate {
  let open!: () => void;
  let fail!: (error: Error) => void;
  const passed = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { passed, open, fail };
}

/** Writes down what happens to it, and holds each call until its gate opens. */
export class Recorder {
  constructor(
    private readonly log: string[],
    private readonly gates: Record<string, Gate> = {},
  ) {}

  async work(name: string): Promise<string> {
    this.log.push(`${name} starts`);
    await this.gates[name]?.passed;
    this.log.push(`${name} ends`);
    return name;
  }
}

/** Lets every promise that can settle do so: a macrotask runs after all microtasks. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function grainClass<G extends object>(
  options: Partial<GrainOptions>,
  create: (context: GrainContext) => G & Grain,
): GrainClass<G> {
  return { options: { type: 'test', kind: 'keyed', ...options }, create };
}

export interface Fixture {
  readonly silo: Silo;
  readonly clock: FakeClock;
  readonly logged: {
    readonly level: string;
    readonly message: string;
    readonly fields: Readonly<Record<string, unknown>>;
  }[];
}

/** What a silo needs, without a log. */
export function silentServices(grainClasses: readonly GrainClass[]): SiloServices {
  const ignore = () => undefined;
  const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  return { clock: new FakeClock(), logger, grainClasses };
}

/** A started silo with these classes. */
export async function startSilo(
  grainClasses: readonly GrainClass[],
  options?: SiloOptions,
  services?: Partial<SiloServices>,
): Promise<Fixture> {
  const clock = new FakeClock();
  const logged: Fixture['logged'] = [];
  const log =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      logged.push({ level, message, fields });
    };
  const logger: Logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const silo = new Silo({ clock, logger, grainClasses, ...services }, { siloId: 'silo-a', ...options });
  await silo.start();
  return { silo, clock, logged };
}
