import type { Clock, Executor, Logger, ResolvedHealthOptions } from '@gpu-bridge/abstractions';
import type { DeathRate } from './death-rate.js';
import type { ExecutorSlots } from './executor-slots.js';
import { Quarantine } from './quarantine.js';

const MINUTE_MS = 60_000;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 5_000;

/** How an executor's incarnation ended: `killed` was asked for; the others are as `Executor.onExit` says. */
export type EndCause = 'killed' | Parameters<NonNullable<Executor['onExit']>>[1];

export interface EndedExecutor {
  readonly slots: ExecutorSlots;
  readonly cause: EndCause;
}

/** What a fault domain tells its device's host. */
export interface FaultDomainEvents {
  /** Every incarnation of the domain ended and can no longer touch memory. */
  ended(executors: readonly EndedExecutor[], reason: string): void;
  revived(): void;
  gaveUp(reason: string): void;
}

/** Which running entries a kill is blamed on: those of the executor that was named, or of all that end with it. */
export type Blame = 'named' | 'all';

/**
 * Executors that end together: one alone, or all of a device that live in one process. Restarts them with back-off, and
 * gives them up, for a while, when they keep dying on their own.
 */
export class FaultDomain {
  /** What is known of the ends in the death that is going on. */
  private readonly causes = new Map<ExecutorSlots, EndCause>();
  private readonly quarantine: Quarantine;
  private closed = false;

  constructor(
    readonly members: readonly ExecutorSlots[],
    private readonly deviceId: string,
    private readonly deaths: DeathRate,
    { quarantineMs }: Pick<ResolvedHealthOptions, 'quarantineMs'>,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly events: FaultDomainEvents,
  ) {
    this.quarantine = new Quarantine(quarantineMs, clock, () => this.probe());
    for (const slots of members) {
      slots.state = 'running';
      slots.executor.onExit = (reason, cause) => this.exited(slots, reason, cause);
    }
  }

  /** Since when and until when it is given up; undefined while it is not. */
  get givenUp(): Quarantine | undefined {
    return this.members[0]!.state === 'quarantined' ? this.quarantine : undefined;
  }

  /** Ends the domain's incarnations at once and starts the next. */
  async kill(slots: ExecutorSlots, reason: string, blame: Blame): Promise<void> {
    if (slots.state !== 'running') return;
    this.causes.set(slots, 'killed');
    this.setState('dying');
    this.log('warn', 'killing an executor', { group: slots.executor.group, reason });
    await slots.executor.kill();
    await this.endAll('collateral', reason);
    if (blame === 'all') for (const member of this.members) this.causes.set(member, 'killed');
    this.bury(reason);
    await this.revive();
  }

  close(): void {
    this.closed = true;
    this.quarantine.cancel();
  }

  private exited(slots: ExecutorSlots, reason: string, cause: 'fault' | 'collateral'): void {
    const { state } = slots;
    // A start that is going on has not been heard of yet.
    if (state === 'starting' || state === 'quarantined') slots.diedStarting = reason;
    if (this.closed || (state !== 'running' && state !== 'dying')) return;
    if (!this.causes.has(slots)) this.causes.set(slots, cause);
    if (state === 'dying') return;
    this.setState('dying');
    this.log('error', 'an executor died', { group: slots.executor.group, reason, cause });
    // Deaths nobody asked for: too many in a minute and the domain is given up. One of a whole device counts once.
    if (cause === 'fault') this.deaths.record();
    if (this.causes.size === this.members.length) this.afterExit(reason);
    else void this.endAll(cause, reason).then(() => this.afterExit(reason));
  }

  private afterExit(reason: string): void {
    this.bury(reason);
    void this.revive();
  }

  /** Waits until every member has ended: usually they have told, else they are made to. */
  private async endAll(cause: EndCause, reason: string): Promise<void> {
    await Promise.resolve(); // what ends them tells one after the other
    const silent = this.members.filter((slots) => !this.causes.has(slots));
    for (const slots of silent) this.causes.set(slots, cause);
    if (silent.length > 0) this.log('debug', 'ending what shares its process', { reason, executors: silent.length });
    await Promise.all(silent.map(({ executor }) => executor.kill()));
  }

  private bury(reason: string): void {
    const ended = this.members.map((slots) => ({ slots, cause: this.causes.get(slots) ?? 'collateral' }));
    this.causes.clear();
    for (const { executor } of this.members) executor.ring.unpark();
    this.events.ended(ended, reason);
    for (const slots of this.members) slots.isExclusive = false;
    this.setState('starting');
  }

  private async revive(): Promise<void> {
    const sinceMs = this.clock.nowMs();
    for (let backoffMs = FIRST_BACKOFF_MS; !this.closed; backoffMs = Math.min(2 * backoffMs, MAX_BACKOFF_MS)) {
      // The back-off keeps starts that fail below many limits of deaths; a minute of them is enough too.
      if (this.deaths.isTooHigh || this.clock.nowMs() - sinceMs > MINUTE_MS) return this.giveUp();
      if ((await this.start()) || this.isClosed()) return;
      this.deaths.record();
      await this.clock.sleepNs(BigInt(backoffMs) * 1_000_000n);
    }
  }

  /** Starts every member and puts them to work, or none: what began ends again when another does not. */
  private async start(): Promise<boolean> {
    for (const slots of this.members) slots.diedStarting = undefined;
    const starts = await Promise.allSettled(this.members.map(({ executor }) => executor.start()));
    if (this.isClosed()) return false;
    const failures = this.members.map((slots, i) => {
      const start = starts[i]!;
      return start.status === 'rejected' ? String(start.reason) : slots.diedStarting;
    });
    const cause = failures.find((failure) => failure !== undefined);
    if (cause === undefined) {
      // At once: an end that is told from now on is that of a running executor.
      this.setState('running');
      this.events.revived();
      return true;
    }
    this.log('error', 'an executor did not start', { cause });
    const begun = this.members.filter((_, i) => failures[i] === undefined);
    await Promise.all(begun.map(({ executor }) => executor.kill()));
    return false;
  }

  private giveUp(): void {
    this.setState('quarantined');
    this.quarantine.begin(`${this.deaths.count} executors died or did not start within a minute`);
    const { reason, endsAtMs } = this.quarantine;
    this.log('error', 'given up for now', { reason, forMs: Math.round(endsAtMs - this.clock.nowMs()) });
    this.events.gaveUp(reason);
  }

  /** The quarantine is over: one start says whether for good. */
  private async probe(): Promise<boolean> {
    const works = await this.start();
    if (this.isClosed()) return true;
    if (works) this.deaths.forget();
    this.log(works ? 'info' : 'warn', works ? 'back from quarantine' : 'still in quarantine', {});
    return works;
  }

  /** `closed` may change during an await, which the compiler does not know. */
  private isClosed(): boolean {
    return this.closed;
  }

  private setState(state: ExecutorSlots['state']): void {
    for (const slots of this.members) slots.state = state;
  }

  private log(level: keyof Logger, message: string, details: Readonly<Record<string, unknown>>): void {
    this.logger[level](message, { device: this.deviceId, ...details });
  }
}
