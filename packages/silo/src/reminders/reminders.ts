import { GpuBridgeError, invariant } from '@gpu-bridge/abstractions';
import type {
  Cancellable,
  Clock,
  ClusterPort,
  ClusterTable,
  GrainId,
  GrainReminders,
  Logger,
  ReminderTick,
  TableChange,
} from '@gpu-bridge/abstractions';
import type { Membership } from '../membership/membership.js';
import { DueQueue } from './due-queue.js';
import { OwnReminders } from './own-reminders.js';
import { decodeReminder, encodeReminder, nextDueAtMs } from './reminder-record.js';
import type { ReminderRecord } from './reminder-record.js';
import { ranking, reminderRank } from './reminder-rank.js';

export interface RemindersServices {
  readonly port: ClusterPort;
  readonly membership: Pick<Membership, 'address' | 'members' | 'find' | 'proveDead' | 'isFenced' | 'onChange'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Calls the grain, wherever it is; resolves when it has done its turn. */
  readonly deliver: (grain: GrainId, name: string, tick: ReminderTick) => Promise<void>;
}

/** Snapshot for logs and metrics. */
export interface RemindersInfo {
  /** Of the whole cluster: every silo keeps all of them in memory. */
  readonly reminders: number;
  readonly delivering: number;
  readonly delivered: number;
  readonly failed: number;
  readonly invalidRows: number;
}

/** A reminder as it is known here; `record` is undefined when it was deleted here, and the table has not told so yet. */
interface Known {
  readonly key: string;
  record: ReminderRecord | undefined;
  revision: number;
  /** Revision of our own claim. */
  claim: number | undefined;
  attemptAtMs: number;
  /** Not before that, after a failure. */
  notBeforeMs: number;
  failures: number;
  isRunning: boolean;
}

const TABLE = 'reminders';
/** A silo waits that much longer than the one before it in a reminder's order. */
const STEP_IN_AFTER_MS = 10_000;
/** Wall time may jump: so long it is trusted. */
const LOOK_AGAIN_MS = 60_000;
const MAX_DELIVERING = 64;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;
const MAX_NOTE_RETRY_MS = 4_000;
const ENGINE_RETRY_MS = 2_000;

/**
 * Calls grains at the times they asked for. Every silo knows every reminder from a watch, and waits for those that are its
 * own; the one that makes a call claims it first, by compare-and-set, and moves the reminder on when the call has succeeded.
 * A claim holds while the silo that made it lives. So a call is made at least once, and twice only where a silo dies between
 * call and note.
 */
export class Reminders {
  private readonly known = new Map<string, Known>();
  private readonly queue = new DueQueue<Known>();
  private readonly running = new Set<Promise<void>>();
  private readonly subscriptions: Disposable[] = [];
  private readonly counts = { delivered: 0, failed: 0, invalidRows: 0 };
  private table: ClusterTable | undefined;
  private timer: Cancellable | undefined;
  private timerAtMs = Number.POSITIVE_INFINITY;
  private ranking = '';
  private stopped = false;

  constructor(private readonly services: RemindersServices) {}

  /** Begins to deliver; where the engine keeps nothing there is nothing to do. After the silo has joined. */
  async start(): Promise<void> {
    const { port, membership } = this.services;
    if (port.storage === 'none') return;
    this.table = await port.openTable(TABLE);
    this.ranking = ranking(membership.members());
    this.subscriptions.push(await this.table.watch(this.onRow));
    for (const row of await this.table.rows()) this.onRow(row);
    this.subscriptions.push(membership.onChange(() => this.rankAgain()));
  }

  /** Begins no more deliveries, and waits for those under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    for (const subscription of this.subscriptions.splice(0)) subscription[Symbol.dispose]();
    await Promise.all(this.running);
  }

  /** The reminders of one grain, as its activation sees them. */
  forGrain(grain: GrainId): GrainReminders {
    return new OwnReminders(grain, {
      clock: this.services.clock,
      table: () => this.requireTable(),
      changed: (key, value, revision) => this.onRow({ key, value, revision }),
      names: () => this.namesOf(grain),
    });
  }

  getInfo(): RemindersInfo {
    const reminders = [...this.known.values()].filter(({ record }) => record !== undefined).length;
    return { reminders, delivering: this.running.size, ...this.counts };
  }

  private requireTable(): ClusterTable {
    const { port } = this.services;
    if (port.storage === 'none') {
      const details = { what: 'reminders', reason: `the engine ${port.name} keeps nothing` };
      throw new GpuBridgeError('STORAGE_UNAVAILABLE', details, `${details.reason}: there are no ${details.what}`);
    }
    invariant(this.table !== undefined, 'reminders are used after they were started');
    return this.table;
  }

  private namesOf({ type, key }: GrainId): string[] {
    const names: string[] = [];
    for (const { record } of this.known.values()) {
      if (record?.grain.key === key && record.grain.type === type) names.push(record.name);
    }
    return names.sort();
  }

  private readonly onRow = ({ key, value, revision }: TableChange): void => {
    const known = this.known.get(key);
    if (known !== undefined && (revision < known.revision || (revision === known.revision && value !== undefined)))
      return;
    if (value === undefined) {
      if (known === undefined) return;
      this.known.delete(key);
      this.queue.schedule(known, Number.POSITIVE_INFINITY);
      return;
    }
    let record: ReminderRecord;
    try {
      record = decodeReminder(key, value);
    } catch (error) {
      if (this.counts.invalidRows++ === 0)
        this.services.logger.error('the table of reminders has a row that is none', { key, error });
      return;
    }
    this.takeIn(key, record, revision);
  };

  private takeIn(key: string, record: ReminderRecord, revision: number): void {
    const known = this.known.get(key) ?? newlyKnown(key);
    this.known.set(key, known);
    if (known.record?.dueAtMs !== record.dueAtMs) {
      known.failures = 0;
      known.notBeforeMs = 0;
    }
    known.record = record;
    known.revision = revision;
    if (!known.isRunning) this.schedule(known);
  }

  private rankAgain(): void {
    const now = ranking(this.services.membership.members());
    if (now === this.ranking) return;
    this.ranking = now;
    for (const known of this.known.values()) {
      if (!known.isRunning) this.schedule(known);
    }
  }

  private schedule(known: Known): void {
    const { key, record, notBeforeMs } = known;
    let atMs = Number.POSITIVE_INFINITY;
    if (record !== undefined) {
      const { membership } = this.services;
      const rank = reminderRank(key, record.grain, membership.members(), membership.address);
      atMs = Math.max(record.dueAtMs + (rank === 0 ? 0 : rank * STEP_IN_AFTER_MS), notBeforeMs);
    }
    this.queue.schedule(known, atMs);
    this.setTimer();
  }

  private setTimer(): void {
    const { nextAtMs = Number.POSITIVE_INFINITY } = this.queue;
    if (nextAtMs >= this.timerAtMs || this.stopped || this.running.size >= MAX_DELIVERING) return;
    this.timer?.cancel();
    this.timerAtMs = nextAtMs;
    const waitMs = Math.min(Math.max(0, nextAtMs - this.services.clock.wallMs()), LOOK_AGAIN_MS);
    this.timer = this.services.clock.schedule(this.startDue, waitMs);
  }

  private readonly startDue = (): void => {
    this.timerAtMs = Number.POSITIVE_INFINITY;
    while (!this.stopped && this.running.size < MAX_DELIVERING) {
      const known = this.queue.takeDue(this.services.clock.wallMs());
      if (known === undefined) break;
      known.isRunning = true;
      const attempt = this.attempt(known).then(() => {
        known.isRunning = false;
        this.running.delete(attempt);
        if (this.known.get(known.key) === known) this.schedule(known);
        else this.setTimer();
      });
      this.running.add(attempt);
    }
    this.setTimer();
  };

  private async attempt(known: Known): Promise<void> {
    const { record } = known;
    if (record === undefined) return;
    try {
      if (!(await this.claim(known, record))) {
        const waitMs = this.services.membership.isFenced() ? ENGINE_RETRY_MS : STEP_IN_AFTER_MS;
        this.postpone(known, record, waitMs);
        return;
      }
      const { grain, name, dueAtMs, periodMs } = record;
      await this.services.deliver(grain, name, { dueAtMs, periodMs });
      this.counts.delivered++;
      await this.moveOn(known, record);
    } catch (error) {
      this.failed(known, record, error);
    }
  }

  private failed(known: Known, record: ReminderRecord, error: unknown): void {
    const { logger } = this.services;
    const fields = { grain: `${record.grain.type}/${record.grain.key}`, name: record.name, error };
    if (GpuBridgeError.is(error, 'CLUSTER_UNAVAILABLE')) {
      // Nothing is wrong with the grain, and it shall not wait for long once the engine is back.
      logger.debug('a reminder waits for the engine', fields);
      this.postpone(known, record, ENGINE_RETRY_MS);
      return;
    }
    this.counts.failed++;
    logger.error('a reminder failed', fields);
    this.postpone(known, record, Math.min(FIRST_RETRY_MS * 2 ** known.failures++, MAX_RETRY_MS));
  }

  /** Unless the call that was tried is not the next any more. */
  private postpone(known: Known, tried: ReminderRecord, durationMs: number): void {
    if (known.record?.dueAtMs !== tried.dueAtMs) return;
    known.notBeforeMs = this.services.clock.wallMs() + durationMs;
  }

  /** @returns whether the call is ours to make; else the row changes, or its claim is looked at again. */
  private async claim(known: Known, record: ReminderRecord): Promise<boolean> {
    const { membership } = this.services;
    if (membership.isFenced()) return false;
    const { address } = membership;
    const { claimedBy } = record;
    if (claimedBy === address && known.claim === known.revision) return true;
    if (claimedBy !== undefined && claimedBy !== address && !(await this.isDead(claimedBy))) return false;
    const claimed = { ...record, claimedBy: address };
    const revision = await this.requireTable().update(known.key, encodeReminder(claimed), known.revision);
    if (revision === undefined) return false;
    known.claim = revision;
    this.takeIn(known.key, claimed, revision);
    return true;
  }

  private async isDead(address: string): Promise<boolean> {
    const member = this.services.membership.find(address);
    if (member !== undefined && !member.suspect) return false;
    return this.services.membership.proveDead(address);
  }

  /** Notes that the call was made: tries until the engine has it, or somebody has changed the reminder. */
  private async moveOn(known: Known, { dueAtMs, periodMs, ...record }: ReminderRecord): Promise<void> {
    const { clock } = this.services;
    const { key, claim } = known;
    if (claim === undefined) return;
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(retryMs * 2, MAX_NOTE_RETRY_MS)) {
      try {
        if (periodMs === undefined) {
          if (await this.requireTable().delete(key, claim)) known.record = undefined;
        } else {
          const next = nextDueAtMs(dueAtMs, periodMs, clock.wallMs());
          const moved = { ...record, periodMs, dueAtMs: next, claimedBy: undefined };
          const revision = await this.requireTable().update(key, encodeReminder(moved), claim);
          if (revision !== undefined) this.takeIn(key, moved, revision);
        }
        return;
      } catch (error) {
        if (this.stopped || !GpuBridgeError.is(error, 'CLUSTER_UNAVAILABLE')) throw error;
      }
      await clock.sleepNs(BigInt(retryMs) * 1_000_000n);
    }
  }
}

function newlyKnown(key: string): Known {
  return {
    key,
    record: undefined,
    revision: 0,
    claim: undefined,
    attemptAtMs: Number.POSITIVE_INFINITY,
    notBeforeMs: 0,
    failures: 0,
    isRunning: false,
  };
}
