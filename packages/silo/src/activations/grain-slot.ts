import type { DeactivationReason, GpuBridgeError, GrainId, RequestContext } from '@gpu-bridge/abstractions';
import type { CallTarget } from '../references/call-target.js';
import type { GrainTimer } from '../timers/grain-timer.js';
import { Activation } from './activation.js';
import type { ActivationOwner } from './activation.js';
import { ActivationPool } from './activation-pool.js';
import { grainBusy, leaseFenced } from './call-errors.js';
import { CallQueue } from './call-queue.js';
import type { GrainMethod } from './grain-method.js';
import { PendingCall } from './pending-call.js';
import type { RegisteredGrain } from './registered-grain.js';
import type { SlotHost } from './slot-host.js';

/**
 * The place of one grain key in a silo: its activations, and the calls that wait for one of them. A keyed grain has at
 * most one activation, a stateless worker several; an activation that is going counts until its `onDeactivate` ended.
 *
 * Calls wait in one queue for whichever activation is free first, rather than behind a busy one chosen too early.
 */
export class GrainSlot implements ActivationOwner, CallTarget {
  /** The one reference of this key; kept as long as the slot, so that a key never has two slots. */
  reference: object | undefined;

  private readonly pool: ActivationPool;
  private readonly waiting: CallQueue;
  /** Calls of `interleaving` methods that came when no activation was there; they wait for nothing else. */
  private interleaving: CallQueue | undefined;
  private activating = 0;
  private dispatching = false;

  constructor(
    readonly id: GrainId,
    readonly grain: RegisteredGrain,
    private readonly silo: SlotHost,
  ) {
    this.pool = new ActivationPool(grain.maxActivations);
    this.waiting = new CallQueue(grain.counts);
  }

  get activationCount(): number {
    return this.pool.size;
  }

  /** Whether an activation is there that takes calls, or will. */
  get isActive(): boolean {
    return this.pool.canServe;
  }

  /** Of the keyed grain's activation; undefined without one, and while it is not known yet. */
  get fencingToken(): number | undefined {
    return this.pool.all()[0]?.opened?.fencingToken;
  }

  /** Runs a call now when an activation is free, else when one becomes free. */
  call(method: GrainMethod, args: unknown[], request: RequestContext): Promise<unknown> {
    if (this.silo.state !== 'started') return Promise.reject(this.silo.refuse(this.silo.refusal()));
    if (!this.mayRun()) return Promise.reject(this.silo.refuse(this.fencedError()));
    const isLimited = request.deadlineNs !== undefined || request.signal !== undefined;
    if (isLimited) {
      const error = this.silo.callLimits.refusal(request, this.id, method.name);
      if (error !== undefined) return Promise.reject(error);
    }
    const free = this.takeFree(method);
    if (free !== undefined && !isLimited) return free.startTurn(method, args, request);
    if (free === undefined && this.waitingCalls >= this.silo.callQueueLimit)
      return Promise.reject(grainBusy(this.id, this.waitingCalls));
    const call = new PendingCall(this.id, method, args, request, isLimited ? this.silo.callLimits : undefined);
    if (free !== undefined) free.startPending(call);
    else {
      this.queueOf(method).push(call);
      this.grow();
    }
    return call.promise;
  }

  turnEnded(activation: Activation, exclusive: boolean): void {
    if (activation.isFenced || activation.retiresAs !== undefined) {
      if (activation.runningTurns === 0) this.leave(activation);
      return;
    }
    if (exclusive) this.freed(activation);
    if (this.waitingCalls > 0) this.dispatch();
    if (this.silo.state !== 'started') this.retireIdle();
  }

  timerIsDue(activation: Activation, timer: GrainTimer): void {
    if (!this.mayRun()) return; // the activation is about to be fenced
    const takesTurns = activation.state === 'active' && activation.retiresAs === undefined;
    if (takesTurns && (this.grain.reentrant || this.pool.takeThisIdle(activation))) activation.startTimer(timer);
    else activation.addDueTimer(timer);
  }

  deactivationRequested(activation: Activation): void {
    if (activation.isFenced || activation.state !== 'active') return;
    activation.announceEnd(activation.retiresAs ?? 'requested');
    this.pool.takeThisIdle(activation); // in a turn that interleaves it may be idle otherwise
    if (activation.runningTurns === 0) this.leave(activation);
  }

  /** Deactivates what has been without a call for `idleAfterMs`. */
  collect(nowMs: number, idleAfterMs: number): void {
    for (const activation of this.pool.all()) {
      if (activation.state === 'active' && activation.isIdleSince(nowMs, idleAfterMs)) this.retire(activation, 'idle');
    }
  }

  /** While the silo drains: lets go of activations that have nothing left to do, and tells the others. */
  retireIdle(): void {
    for (const activation of this.pool.all()) {
      if (activation.state !== 'active') continue;
      activation.announceEnd('stopping');
      if (this.waitingCalls === 0 && activation.runningTurns === 0) this.retire(activation, 'stopping');
    }
  }

  /** The silo waits no longer: fails the calls that wait, and says how many turns go on unattended. */
  abandon(): { readonly waitingCalls: number; readonly runningTurns: number } {
    const { waitingCalls } = this;
    this.failWaiting(this.silo.refuse(this.silo.refusal()));
    let runningTurns = 0;
    for (const activation of this.pool.all()) {
      runningTurns += activation.runningTurns;
      activation.stopTimers();
    }
    return { waitingCalls, runningTurns };
  }

  /**
   * The silo has lost its keyed grains: forgets their activations at once, so that others can be made. What runs goes on,
   * and is told at its end.
   *
   * @returns when the activations that were in no turn have ended.
   */
  async fence(): Promise<void> {
    if (!this.grain.keyed) return;
    this.failWaiting(this.silo.refuse(this.fencedError()));
    this.activating = 0;
    const activations = this.pool.takeAll();
    this.grain.counts.activations -= activations.length;
    const ends = activations.map(async (activation) => activation.fence());
    this.settle();
    await Promise.all(ends);
  }

  private get waitingCalls(): number {
    return this.waiting.length + (this.interleaving?.length ?? 0);
  }

  private mayRun(): boolean {
    return !this.grain.keyed || this.silo.mayRunKeyed();
  }

  private queueOf(method: GrainMethod): CallQueue {
    return method.interleaves ? (this.interleaving ??= new CallQueue(this.grain.counts)) : this.waiting;
  }

  /** An activation for a call that arrives now; it does not overtake those that wait. */
  private takeFree(method: GrainMethod): Activation | undefined {
    if (method.interleaves) return this.pool.takeLeastBusy();
    if (this.waiting.length > 0) return undefined;
    return this.grain.reentrant ? this.pool.takeLeastBusy() : this.pool.takeIdle();
  }

  /** Starts waiting calls as long as an activation is free. */
  private dispatch(): void {
    if (this.dispatching) return; // a turn that ended at once; the loops below go on
    if (!this.mayRun()) return this.failWaiting(this.silo.refuse(this.fencedError()));
    this.dispatching = true;
    if (this.interleaving !== undefined) this.start(this.interleaving, true);
    this.start(this.waiting, this.grain.reentrant);
    this.dispatching = false;
  }

  private start(calls: CallQueue, interleaves: boolean): void {
    while (calls.length > 0) {
      const free = interleaves ? this.pool.takeLeastBusy() : this.pool.takeIdle();
      if (free === undefined) return;
      free.startPending(calls.shift()!);
    }
  }

  /** An activation is in no exclusive turn: a timer of its own is next, or whatever call waits. */
  private freed(activation: Activation): void {
    const timer = activation.takeDueTimer(this.waiting.length > 0);
    if (timer !== undefined) activation.startTimer(timer);
    else if (!this.grain.reentrant) this.pool.putIdle(activation);
  }

  /** Adds an activation when calls wait that none of those in the making will take. */
  private grow(): void {
    if (this.pool.isFull || this.activating >= this.waitingCalls) return;
    const activation = new Activation(this.id, this.grain, this.silo, this);
    this.pool.add(activation);
    this.grain.counts.activations++;
    this.silo.occupied(this);
    let begun: Promise<void> | undefined;
    try {
      this.grain.place(this.id);
      begun = activation.begin();
    } catch (error) {
      this.activationFailed(activation, error);
      return;
    }
    if (begun === undefined) this.activated(activation);
    else void this.whenBegun(activation, begun);
  }

  private async whenBegun(activation: Activation, begun: Promise<void>): Promise<void> {
    this.activating++;
    try {
      await begun;
    } catch (error) {
      if (!activation.isFenced) this.activating--;
      this.activationFailed(activation, error);
      return;
    }
    if (!activation.isFenced) this.activating--;
    this.activated(activation);
  }

  private activated(activation: Activation): void {
    activation.state = 'active';
    if (activation.isFenced) return this.leave(activation);
    if (!this.grain.reentrant) this.pool.putIdle(activation);
    this.dispatch();
    if (activation.retiresAs === undefined) this.startDueTimers(activation);
    else this.deactivationRequested(activation);
    if (this.silo.state !== 'started') this.retireIdle();
  }

  /** Those that became due while it activated. */
  private startDueTimers(activation: Activation): void {
    if (!this.grain.reentrant) {
      if (this.pool.takeThisIdle(activation)) this.freed(activation);
      return;
    }
    for (let timer = activation.takeDueTimer(false); timer !== undefined; timer = activation.takeDueTimer(false))
      activation.startTimer(timer);
  }

  private activationFailed(activation: Activation, error: unknown): void {
    const released = activation.release();
    if (released === undefined) this.dropFailed(activation, error);
    else void released.then(() => this.dropFailed(activation, error));
  }

  /** Leaves nothing behind. Calls fail with it unless another activation is there to take them. */
  private dropFailed(activation: Activation, error: unknown): void {
    if (activation.isFenced) return;
    this.forget(activation);
    if (!this.pool.canServe) this.failWaiting(error);
    this.settle();
  }

  private retire(activation: Activation, reason: DeactivationReason): void {
    activation.retiresAs ??= reason;
    if (activation.runningTurns === 0) this.leave(activation); // else when its turns have ended
  }

  private leave(activation: Activation): void {
    this.pool.takeThisIdle(activation);
    const reason = activation.isFenced ? 'fenced' : (activation.retiresAs ?? 'requested');
    // After the silo's drain timeout the devices are closing: a hook would run against services that are gone.
    const left = this.silo.state === 'stopped' ? activation.abandon() : activation.end(reason);
    if (left === undefined) this.deactivated(activation);
    else void left.then(() => this.deactivated(activation));
  }

  private deactivated(activation: Activation): void {
    if (activation.isFenced) return; // forgotten already
    this.forget(activation);
    this.grow();
    this.settle();
  }

  private forget(activation: Activation): void {
    this.pool.remove(activation);
    this.grain.counts.activations--;
  }

  private settle(): void {
    if (this.pool.size === 0 && this.waitingCalls === 0) this.silo.vacated(this);
  }

  private failWaiting(error: unknown): void {
    for (const calls of [this.waiting, this.interleaving]) for (const call of calls?.takeAll() ?? []) call.fail(error);
  }

  private fencedError(): GpuBridgeError {
    return leaseFenced(this.id, this.pool.all()[0]?.fencingToken ?? 0);
  }
}
