import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock, DeactivationReason, GrainClass, GrainContext, GrainType } from '@gpu-bridge/abstractions';
import type { ClusterSettings } from './settings.js';

/** Where grains run, as far as they tell of themselves. */
export interface GrainHost {
  readonly clock: Clock;
  activated(context: GrainContext): void;
  deactivated(context: GrainContext, reason: DeactivationReason): void;
  /** @param context - of a keyed grain; undefined of a worker. */
  turnStarted(callId: number, context: GrainContext | undefined): void;
}

/** What was added to a key, by the ids of the calls, in order. */
export interface Ledger {
  /** Once for every turn. */
  add(callId: number, holdMs: number): Promise<number>;
  /** Once, however many turns. */
  put(callId: number, holdMs: number): Promise<number>;
  read(callId: number): Promise<readonly number[]>;
  count(callId: number, items: number, pauseMs: number): AsyncIterable<number>;
  /** Goes to another silo, if there is one that it can go to. */
  move(callId: number): Promise<void>;
}

export interface Worker {
  work(callId: number, holdMs: number): Promise<number>;
}

export const LEDGER: GrainType<Ledger> = { options: { type: 'ledger', idempotent: ['put', 'read'] } };
export const WORKER: GrainType<Worker> = { options: { type: 'worker', placement: { director: 'random' } } };

/** A row of the table `state`, as far as {@link LedgerGrain} wrote it: one string that is found in whatever is around it. */
export interface LedgerRow {
  readonly key: string;
  readonly fencingToken: number;
  readonly callIds: readonly number[];
}

function textOf({ key, fencingToken, callIds }: LedgerRow): string {
  return `#${key}|${fencingToken}|${callIds.join(',')}#`;
}

/** @returns undefined for a row without a value. */
export function findLedgerRow(bytes: Uint8Array): LedgerRow | undefined {
  const match = /#(\w+)\|(\d+)\|([\d,]*)#/.exec(Buffer.from(bytes).toString('latin1'));
  if (match === null) return undefined;
  const [, key, fencingToken, callIds] = match;
  return { key: key!, fencingToken: Number(fencingToken), callIds: listOf(callIds!) };
}

function listOf(text: string): number[] {
  return text === '' ? [] : text.split(',').map(Number);
}

class LedgerGrain implements Ledger {
  constructor(
    private readonly context: GrainContext,
    private readonly host: GrainHost,
  ) {}

  onActivate(): Promise<void> {
    this.host.activated(this.context);
    return Promise.resolve();
  }

  onDeactivate(reason: DeactivationReason): Promise<void> {
    this.host.deactivated(this.context, reason);
    return Promise.resolve();
  }

  add(callId: number, holdMs: number): Promise<number> {
    return this.change(callId, holdMs, (callIds) => [...callIds, callId]);
  }

  put(callId: number, holdMs: number): Promise<number> {
    return this.change(callId, holdMs, (callIds) => (callIds.includes(callId) ? callIds : [...callIds, callId]));
  }

  async read(callId: number): Promise<readonly number[]> {
    this.host.turnStarted(callId, this.context);
    return this.callIds();
  }

  count(callId: number, items: number, pauseMs: number): AsyncIterable<number> {
    this.host.turnStarted(callId, this.context);
    return countTo(items, pauseMs, this.host.clock);
  }

  async move(callId: number): Promise<void> {
    this.host.turnStarted(callId, this.context);
    try {
      this.context.migrateOnIdle();
    } catch (error) {
      if (!GpuBridgeError.is(error)) throw error;
    }
  }

  private async change(
    callId: number,
    holdMs: number,
    change: (callIds: readonly number[]) => readonly number[],
  ): Promise<number> {
    this.host.turnStarted(callId, this.context);
    const callIds = change(await this.callIds());
    if (holdMs > 0) await this.host.clock.sleepNs(BigInt(holdMs) * 1_000_000n);
    const { fencingToken, id, storage } = this.context;
    await storage.write(textOf({ key: id.key, fencingToken, callIds }));
    return callIds.length;
  }

  private async callIds(): Promise<readonly number[]> {
    const text = await this.context.storage.read();
    return typeof text === 'string' ? listOf(text.slice(1, -1).split('|')[2]!) : [];
  }
}

async function* countTo(items: number, pauseMs: number, clock: Clock): AsyncIterable<number> {
  for (let item = 0; item < items; item++) {
    if (pauseMs > 0) await clock.sleepNs(BigInt(pauseMs) * 1_000_000n);
    yield item;
  }
}

class WorkerGrain implements Worker {
  constructor(private readonly host: GrainHost) {}

  async work(callId: number, holdMs: number): Promise<number> {
    this.host.turnStarted(callId, undefined);
    if (holdMs > 0) await this.host.clock.sleepNs(BigInt(holdMs) * 1_000_000n);
    return callId;
  }
}

/** @param idempotent - methods of the ledger; all of them: a lie. */
export function grainClassesOf(
  host: GrainHost,
  { director }: Pick<ClusterSettings, 'director'>,
  idempotent: 'all' | readonly string[] = ['put', 'read'],
): readonly GrainClass[] {
  const ledger: GrainClass<Ledger> = {
    options: {
      type: 'ledger',
      kind: 'keyed',
      persistent: true,
      interleaving: ['read'],
      idempotent,
      placement: { director },
    },
    create: (context) => new LedgerGrain(context, host),
  };
  const worker: GrainClass<Worker> = {
    options: { type: 'worker', kind: 'stateless-worker', maxLocal: 2, placement: { director: 'random' } },
    create: () => new WorkerGrain(host),
  };
  return [ledger, worker];
}
