import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock, GrainClass, GrainOptions, RemoteForm, RemoteSide } from '@gpu-bridge/abstractions';

type Method = (...args: unknown[]) => unknown;

/** A silo that is called through messages. */
export class Site {
  private readonly grain: Readonly<Record<string, Method>>;
  private readonly mourners = new Set<(error: Error) => void>();
  private isDead = false;

  constructor(
    readonly siloId: string,
    grain: object,
    private readonly followUps: NonNullable<GrainClass['followUps']> = {},
  ) {
    this.grain = grain as Readonly<Record<string, Method>>;
  }

  run(method: string, args: readonly unknown[]): unknown {
    const followUp = this.followUps[method];
    return followUp === undefined ? this.grain[method]!(...args) : followUp({}, ...args);
  }

  /** Everything that waits for it hears that it is gone. */
  die(): void {
    this.isDead = true;
    for (const tell of this.mourners) tell(this.loss());
  }

  /** What comes of a wait for this silo. */
  async hear<T>(wait: Promise<T>): Promise<T> {
    if (this.isDead) throw this.loss();
    let tell!: (error: Error) => void;
    const death = new Promise<never>((_, reject) => (tell = reject));
    this.mourners.add(tell);
    try {
      return await Promise.race([wait, death]);
    } finally {
      this.mourners.delete(tell);
    }
  }

  private loss(): GpuBridgeError {
    const details = { grain: 'gpu-batch/scale', method: 'execute', siloId: this.siloId };
    return new GpuBridgeError('OUTCOME_UNKNOWN', details, 'the silo died');
  }
}

/**
 * Calls as they go between silos, in one process: arguments and results as copies of plain data, streams pulled ahead by a
 * window, errors made anew. Each call goes to the next of the sites.
 */
export class Loopback {
  private calls = 0;

  constructor(
    private readonly options: Pick<GrainOptions, 'remoteForms' | 'idempotent'>,
    private readonly sites: readonly Site[],
    private readonly clock: Clock,
    readonly window = 2,
  ) {}

  async call(method: string, args: unknown[]): Promise<unknown> {
    const { values, remote, form } = await this.send(method, args);
    return form.fromStream(values, remote);
  }

  private async send(method: string, args: unknown[]) {
    const site = this.sites[this.calls++ % this.sites.length]!;
    const form = this.options.remoteForms![method] as Required<RemoteForm>;
    const packed = copied(form.packArguments(args, this.clock)) as unknown[];
    const result = await this.run(site, method, form.unpackArguments(packed, this.clock));
    const remote: RemoteSide = {
      siloId: site.siloId,
      call: async (other, otherArgs) => {
        const value = await this.run(site, other, copied(otherArgs) as unknown[]);
        return isIterable(value) ? this.cross(value, site) : copied(value);
      },
      again: mayRepeat(this.options, method) ? (change) => this.send(method, change?.(args) ?? args) : undefined,
    };
    return { values: this.cross(form.toStream(result), site), remote, form };
  }

  private async run(site: Site, method: string, args: readonly unknown[]): Promise<unknown> {
    try {
      return await site.hear(Promise.resolve(site.run(method, args)));
    } catch (error) {
      throw rebuilt(error);
    }
  }

  /** A stream of which at most a window of values is taken from the grain before it is asked for. */
  private cross(source: AsyncIterable<unknown>, site: Site): AsyncIterableIterator<unknown> {
    const inner = source[Symbol.asyncIterator]();
    const ahead: Promise<IteratorResult<unknown>>[] = [];
    let last: Promise<unknown> = Promise.resolve();
    const pull = (): void => {
      const next = last.then(() => inner.next());
      last = next.catch(() => undefined);
      next.catch(() => undefined);
      ahead.push(next);
    };
    const crossing: AsyncIterableIterator<unknown> = {
      [Symbol.asyncIterator]: () => crossing,
      next: async () => {
        while (ahead.length < this.window) pull();
        try {
          const step = await site.hear(ahead.shift()!);
          return step.done === true ? step : { done: false, value: copied(step.value) };
        } catch (error) {
          throw rebuilt(error);
        }
      },
      return: async () => {
        await inner.return?.();
        return { done: true, value: undefined };
      },
    };
    return crossing;
  }
}

function mayRepeat({ idempotent }: Pick<GrainOptions, 'idempotent'>, method: string): boolean {
  return idempotent === 'all' || (idempotent?.includes(method) ?? false);
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** A copy of plain data; signals cross as they are. @throws for anything else, as the codec of messages does. */
function copied(value: unknown): unknown {
  if (value instanceof AbortSignal) return value;
  if (typeof value === 'function' || typeof value === 'symbol') throw new Error(`a ${typeof value} is no plain data`);
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) return structuredClone(value);
  if (Array.isArray(value)) return value.map(copied);
  if (Object.getPrototypeOf(value) !== Object.prototype) throw new Error(`${value.constructor.name} is no plain data`);
  return Object.fromEntries(Object.entries(value).map(([name, property]) => [name, copied(property)]));
}

function rebuilt(error: unknown): unknown {
  if (!GpuBridgeError.is(error)) return error;
  const details = structuredClone(error.details);
  return new GpuBridgeError(error.code, details, error.message.slice(error.code.length + 2));
}
