import type {
  DeactivationReason,
  GpuBridgeError,
  Grain,
  GrainId,
  RequestContext,
  Schedule,
} from '@gpu-bridge/abstractions';
import { NO_REQUEST } from '../references/request-context.js';
import { ActivationTimers } from '../timers/activation-timers.js';
import type { GrainTimer } from '../timers/grain-timer.js';
import { ActivationContext } from './activation-context.js';
import type { OpenedActivation } from './activation-services.js';
import { leaseFenced, rejected } from './call-errors.js';
import type { GrainMethod } from './grain-method.js';
import { PendingCall } from './pending-call.js';
import type { RegisteredGrain } from './registered-grain.js';
import type { SlotHost } from './slot-host.js';

/** Who hears of an activation's changes. */
export interface ActivationOwner {
  /** @param exclusive - it can take the next turn that does not interleave. */
  turnEnded(activation: Activation, exclusive: boolean): void;
  timerIsDue(activation: Activation, timer: GrainTimer): void;
  deactivationRequested(activation: Activation): void;
}

type Body = (this: object, ...args: unknown[]) => unknown;
/** What the context shows of a running turn. */
type Turn = RequestContext | PendingCall;
/** What ends a turn when its promise settles. */
interface Settlers {
  readonly value: (value: unknown) => unknown;
  readonly error: (error: unknown) => never;
}

/** One in-memory instance of a grain, and the turns it is in. */
export class Activation {
  state: 'activating' | 'active' | 'deactivating' = 'activating';
  /** Turns started and not ended, those of timers included; above 1 only where turns interleave. */
  runningTurns = 0;
  /** Set once: the silo has lost the grain, and this activation is no longer its owner's concern. */
  isFenced = false;
  /** Set once: it takes no further calls, and goes for this reason when its turns have ended. */
  retiresAs: DeactivationReason | undefined;
  /** Address of the silo that has the grain next; of one that migrates. */
  private successor: string | undefined;
  readonly activationId: string;
  /** While it activates it may not be there yet. */
  opened: OpenedActivation | undefined;

  private instance!: Grain & object;

  /** The exclusive turn. */
  private turn: Turn = NO_REQUEST;
  /** While a turn that interleaves runs to its first `await`: it hides the exclusive one. */
  private interleavedTurn: Turn | undefined;
  // Made once per activation, not per call; the second pair only where it is needed.
  private readonly settlers: Settlers;
  private interleavedSettlers: Settlers | undefined;

  private startedCalls = 0;
  private sweptCalls = -1;
  private idleSinceMs = 0;

  private timers: ActivationTimers | undefined;
  private timerTurns = 0;
  /** The grain has work of its own. */
  private readonly holds = new Set<Disposable>();
  private toldOfEnd = false;

  constructor(
    readonly id: GrainId,
    private readonly grain: RegisteredGrain,
    private readonly silo: SlotHost,
    private readonly owner: ActivationOwner,
  ) {
    this.activationId = silo.nextActivationId();
    this.settlers = this.settlersOf(grain.reentrant);
  }

  get fencingToken(): number {
    return this.opened?.fencingToken ?? 0;
  }

  /** Of the turn that runs. */
  get turnRequest(): RequestContext {
    const turn = this.interleavedTurn ?? this.turn;
    return turn instanceof PendingCall ? turn.turnRequest() : turn;
  }

  get receivesReminders(): boolean {
    return (this.instance as Grain | undefined)?.receiveReminder !== undefined;
  }

  get lives(): boolean {
    return this.state !== 'deactivating' && !this.isFenced;
  }

  retireOnRequest(): void {
    if (this.retiresAs === undefined) this.retireAs('requested');
  }

  /** @param successor - address of a silo. */
  migrate(successor: string): void {
    this.successor = successor;
    this.retireAs('migrating');
  }

  private retireAs(reason: DeactivationReason): void {
    const isNew = this.retiresAs === undefined;
    this.retiresAs = reason;
    if (isNew) this.owner.deactivationRequested(this);
  }

  registerTimer(callback: () => Promise<void> | void, schedule: Schedule): Disposable {
    this.timers ??= new ActivationTimers();
    return this.timers.register(callback, schedule, this.silo.clock, (timer) => this.owner.timerIsDue(this, timer));
  }

  keepActive(): Disposable {
    const hold: Disposable = { [Symbol.dispose]: () => void this.holds.delete(hold) };
    this.holds.add(hold);
    return hold;
  }

  // --- turns -----------------------------------------------------------------------------------------------------------

  /**
   * Calls a method now; the turn ends when its promise settles. A method that returns anything else, an async iterable
   * for example, has ended its turn by returning.
   */
  startTurn(method: GrainMethod, args: unknown[], request: RequestContext): Promise<unknown> {
    const interleaves = this.beginTurn(method);
    let result: unknown;
    try {
      result = this.invoke(method, args, request, interleaves);
    } catch (error) {
      return rejected(this.turnFailed(error, interleaves));
    }
    // The caller gets the derived promise, not the grain's: so a rejection nobody handles is still reported.
    if (!isThenable(result)) {
      this.turnSucceeded(interleaves);
      return Promise.resolve(result);
    }
    const settlers = this.settlersFor(interleaves);
    return (result instanceof Promise ? result : Promise.resolve(result)).then(settlers.value, settlers.error);
  }

  /** The same for a call that waited, or that can end before its turn. */
  startPending(call: PendingCall): void {
    const interleaves = this.beginTurn(call.method);
    let result: unknown;
    try {
      result = this.invoke(call.method, call.args, call, interleaves);
    } catch (error) {
      call.fail(this.turnFailed(error, interleaves));
      return;
    }
    if (isThenable(result)) {
      result.then(
        (value) => this.settle(call, value, interleaves),
        (error: unknown) => call.fail(this.turnFailed(error, interleaves)),
      );
    } else this.settle(call, result, interleaves);
  }

  /** Calls a timer's callback now; owes its owner a `turnEnded` like any turn. */
  startTimer(timer: GrainTimer): void {
    this.runningTurns++;
    this.timerTurns++;
    void this.runTimer(timer);
  }

  /** The timer waits for its turn. */
  addDueTimer(timer: GrainTimer): void {
    this.timers?.wait(timer);
  }

  /** The timer whose turn it is now, between the calls that wait. */
  takeDueTimer(callsWait: boolean): GrainTimer | undefined {
    return this.timers?.takeDue(callsWait);
  }

  private async runTimer(timer: GrainTimer): Promise<void> {
    try {
      await this.enter(timer.callback, [], NO_REQUEST, this.grain.reentrant);
    } catch (error) {
      this.logFailure('timer of a grain failed', error); // there is no caller to tell
    }
    this.timerTurns--;
    this.timers?.turnEnded(timer);
    this.endTurn(this.grain.reentrant);
  }

  private beginTurn(method: GrainMethod): boolean {
    this.runningTurns++;
    this.startedCalls++;
    this.grain.counts.started++;
    return this.grain.reentrant || method.interleaves;
  }

  private invoke(method: GrainMethod, args: unknown[], turn: Turn, interleaves: boolean): unknown {
    const filter = this.silo.incomingFilter;
    if (filter === undefined || !method.isFiltered)
      return this.enter(method.bodyIn(this.instance), args, turn, interleaves);
    const call = turn instanceof PendingCall ? turn : undefined;
    const request = turn instanceof PendingCall ? turn.request : turn;
    return filter({ grain: this.id, method: method.name, args, request }, (replaced) => {
      if (call !== undefined) call.seen = replaced;
      return this.enter(method.bodyIn(this.instance), args, call ?? replaced, interleaves);
    });
  }

  /** Runs a body to its first `await`, and shows it its request. */
  private enter(body: Body, args: unknown[], turn: Turn, interleaves: boolean): unknown {
    const outer = this.interleavedTurn;
    if (!interleaves) {
      this.turn = turn;
      if (outer === undefined) return body.apply(this.instance, args);
    }
    this.interleavedTurn = interleaves ? turn : undefined;
    try {
      return body.apply(this.instance, args);
    } finally {
      this.interleavedTurn = outer;
    }
  }

  private settle(call: PendingCall, value: unknown, interleaves: boolean): void {
    this.turnSucceeded(interleaves);
    if (this.isFenced) call.fail(this.fencedError());
    else call.succeed(value);
  }

  private settlersFor(interleaves: boolean): Settlers {
    if (interleaves === this.grain.reentrant) return this.settlers;
    return (this.interleavedSettlers ??= this.settlersOf(interleaves));
  }

  private settlersOf(interleaves: boolean): Settlers {
    return {
      value: (value) => {
        this.turnSucceeded(interleaves);
        if (this.isFenced) throw this.fencedError();
        return value;
      },
      error: (error) => {
        throw this.turnFailed(error, interleaves);
      },
    };
  }

  private turnSucceeded(interleaves: boolean): void {
    this.grain.counts.served++;
    this.endTurn(interleaves);
  }

  /** @returns what the caller gets to hear. */
  private turnFailed(error: unknown, interleaves: boolean): unknown {
    this.grain.counts.failed++;
    this.endTurn(interleaves);
    return this.isFenced ? this.fencedError() : error;
  }

  private endTurn(interleaves: boolean): void {
    this.runningTurns--;
    if (!interleaves) this.turn = NO_REQUEST;
    this.owner.turnEnded(this, !interleaves);
  }

  // --- life ------------------------------------------------------------------------------------------------------------

  /** Makes the grain; a failure leaves open what was opened. @returns undefined when it is made already. */
  begin(): Promise<void> | undefined {
    const opened = this.grain.keyed ? this.silo.activationServices.open(this.id, this.grain.grainClass) : undefined;
    return opened instanceof Promise ? this.beginWith(opened) : this.make(opened);
  }

  private async beginWith(opened: Promise<OpenedActivation>): Promise<void> {
    await this.make(await opened);
  }

  private make(opened: OpenedActivation | undefined): Promise<void> | undefined {
    this.opened = opened;
    this.instance = this.grain.create(new ActivationContext(this, this.grain, this.silo.siloId, this.silo));
    return this.instance.onActivate?.();
  }

  /** Tells the grain that it is going, as soon as that is known; what it throws is logged. */
  announceEnd(reason: DeactivationReason): void {
    if (this.toldOfEnd || this.state === 'activating') return;
    this.toldOfEnd = true;
    try {
      this.instance.onDeactivating?.(reason);
    } catch (error) {
      this.logFailure('onDeactivating failed', error, { reason });
    }
  }

  /** Tells the grain, then lets go of what was opened; never rejects. @returns undefined when that is done already. */
  end(reason: DeactivationReason): Promise<void> | undefined {
    this.announceEnd(reason);
    this.state = 'deactivating';
    this.stopTimers();
    return this.instance.onDeactivate === undefined ? this.handOn(reason) : this.runOnDeactivate(reason);
  }

  private async runOnDeactivate(reason: DeactivationReason): Promise<void> {
    try {
      await this.instance.onDeactivate?.(reason);
    } catch (error) {
      // There is no caller to tell, and the activation is gone either way.
      this.logFailure('onDeactivate failed', error, { reason });
    }
    await this.handOn(reason);
  }

  private handOn(reason: DeactivationReason): Promise<void> | undefined {
    return this.release(reason === 'migrating' ? this.successor : undefined);
  }

  /**
   * Lets go of what was opened; never rejects.
   *
   * @param successor - who has the grain next.
   * @returns undefined when there is nothing to wait for.
   */
  release(successor?: string): Promise<void> | undefined {
    this.stopTimers();
    return this.opened?.release === undefined ? undefined : this.runRelease(successor);
  }

  private async runRelease(successor: string | undefined): Promise<void> {
    try {
      await this.opened?.release?.(successor);
    } catch (error) {
      this.logFailure('an activation could not be released', error);
    }
  }

  /** Ends without a word to the grain. */
  abandon(): undefined {
    this.state = 'deactivating';
    this.stopTimers();
  }

  /**
   * The silo has lost the grain: its turns go on, and their callers are told so when they end.
   *
   * @returns as `end`, of an activation in no turn; others end with their last.
   */
  fence(): Promise<void> | undefined {
    this.isFenced = true;
    this.stopTimers();
    this.announceEnd('fenced');
    return this.state === 'active' && this.runningTurns === 0 ? this.end('fenced') : undefined;
  }

  stopTimers(): void {
    this.timers?.stop();
  }

  /**
   * Whether it has been without a call for `idleAfterMs`. Counts calls between sweeps instead of reading the clock in
   * every call, so time counts from the first sweep that found it idle. Timers do not count.
   */
  isIdleSince(nowMs: number, idleAfterMs: number): boolean {
    const isBusy = this.holds.size > 0 || this.runningTurns > this.timerTurns;
    if (isBusy) this.sweptCalls = -1;
    else if (this.sweptCalls !== this.startedCalls) {
      this.sweptCalls = this.startedCalls;
      this.idleSinceMs = nowMs;
    }
    return !isBusy && nowMs - this.idleSinceMs >= idleAfterMs;
  }

  private fencedError(): GpuBridgeError {
    return leaseFenced(this.id, this.fencingToken);
  }

  private logFailure(message: string, error: unknown, fields: Readonly<Record<string, unknown>> = {}): void {
    const { id, activationId } = this;
    this.silo.logger.error(message, { grain: `${id.type}/${id.key}`, activationId, ...fields, error });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
