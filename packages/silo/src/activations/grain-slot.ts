import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { DeactivationReason, GrainFactory, GrainId, Logger } from '@gpu-bridge/abstractions';
import { Activation } from './activation.js';
import type { ActivationOwner } from './activation.js';
import { CallQueue } from './call-queue.js';
import type { GrainMethod } from './grain-method.js';
import type { RegisteredGrain } from './registered-grain.js';

/** What the slots of a silo share. */
export interface SlotHost extends GrainFactory {
  readonly siloId: string;
  readonly state: 'created' | 'started' | 'draining' | 'stopped';
  readonly callQueueLimit: number;
  readonly logger: Logger;
  nextActivationId(): string;
  /** The error of calls that are not accepted in the present state. */
  refusal(): GpuBridgeError;
  /** The slot has an activation; the silo must keep it. */
  occupied(slot: GrainSlot): void;
  /** The slot has neither activations nor calls. */
  vacated(slot: GrainSlot): void;
}

/**
 * The place of one grain key in a silo: its activations, and the calls that wait for one of them. A keyed grain has at
 * most one activation, a stateless worker several; an activation that is going counts until its `onDeactivate` ended.
 *
 * Calls wait in one queue for whichever activation is free first, rather than behind a busy one chosen too early.
 */
export class GrainSlot implements ActivationOwner {
  /** The one reference of this key; kept as long as the slot, so that a key never has two slots. */
  reference: object | undefined;

  private readonly activations: Activation[] = [];
  /** Active and without a turn, last used last; not kept for reentrant grains, whose activations are always free. */
  private readonly idle: Activation[] = [];
  private readonly waiting = new CallQueue();
  private activating = 0;
  private dispatching = false;

  constructor(
    readonly id: GrainId,
    private readonly grain: RegisteredGrain,
    private readonly silo: SlotHost,
  ) {}

  get activationCount(): number {
    return this.activations.length;
  }

  get waitingCalls(): number {
    return this.waiting.length;
  }

  /** Runs a call now when an activation is free, else when one becomes free. */
  call(method: GrainMethod, args: unknown[]): Promise<unknown> {
    if (this.silo.state !== 'started') return Promise.reject(this.silo.refusal());
    const free = this.waiting.length === 0 ? this.takeFree() : undefined;
    if (free !== undefined) return free.startTurn(method, args);
    if (this.waiting.length >= this.silo.callQueueLimit) return Promise.reject(this.queueFull());
    return new Promise((resolve, reject) => {
      this.waiting.push({ method, args, resolve, reject });
      this.grow();
    });
  }

  turnEnded(activation: Activation): void {
    if (activation.retiring) {
      if (activation.runningTurns === 0) this.deactivate(activation, 'requested');
      return;
    }
    if (!this.grain.reentrant) this.idle.push(activation);
    if (this.waiting.length > 0) this.dispatch();
    if (this.silo.state !== 'started') this.retireIdle();
  }

  deactivationRequested(activation: Activation): void {
    if (activation.state === 'active' && activation.runningTurns === 0) this.deactivate(activation, 'requested');
  }

  /** Deactivates what has been without a call for `idleAfterMs`. */
  collect(nowMs: number, idleAfterMs: number): void {
    for (const activation of [...this.activations]) {
      if (activation.state === 'active' && activation.isIdleSince(nowMs, idleAfterMs))
        this.deactivate(activation, 'idle');
    }
  }

  /** While the silo drains: lets go of activations that have nothing left to do. */
  retireIdle(): void {
    if (this.waiting.length > 0) return;
    for (const activation of [...this.activations]) {
      if (activation.state === 'active' && activation.runningTurns === 0) this.deactivate(activation, 'stopping');
    }
  }

  /** The silo waits no longer: fails the calls that wait, and says how many turns go on unattended. */
  abandon(): { readonly waitingCalls: number; readonly runningTurns: number } {
    const waitingCalls = this.waiting.length;
    this.failWaiting(this.silo.refusal());
    return { waitingCalls, runningTurns: this.activations.reduce((sum, { runningTurns }) => sum + runningTurns, 0) };
  }

  private takeFree(): Activation | undefined {
    if (!this.grain.reentrant) return this.idle.pop();
    let leastBusy: Activation | undefined;
    for (const activation of this.activations) {
      // One that retires while it activates still takes a first call, or no call would ever be served.
      const takesCalls = activation.state === 'active' && !(activation.retiring && activation.runningTurns > 0);
      if (takesCalls && (leastBusy === undefined || activation.runningTurns < leastBusy.runningTurns))
        leastBusy = activation;
    }
    const busy = leastBusy !== undefined && leastBusy.runningTurns > 0;
    return busy && this.activations.length < this.grain.maxActivations ? undefined : leastBusy;
  }

  /** Starts waiting calls as long as an activation is free. */
  private dispatch(): void {
    if (this.dispatching) return; // a turn that ended at once; the loop below goes on
    this.dispatching = true;
    while (this.waiting.length > 0) {
      const free = this.takeFree();
      if (free === undefined) break;
      const call = this.waiting.shift()!;
      call.resolve(free.startTurn(call.method, call.args));
    }
    this.dispatching = false;
  }

  /** Adds an activation when calls wait that none of those in the making will take. */
  private grow(): void {
    if (this.activations.length >= this.grain.maxActivations || this.activating >= this.waiting.length) return;
    const activation = new Activation(this.id, this.silo.nextActivationId(), this.silo.siloId, this.silo, this);
    this.activations.push(activation);
    this.silo.occupied(this);
    try {
      this.grain.place(this.id);
      activation.instance = this.grain.create(activation);
    } catch (error) {
      this.activationFailed(activation, error);
      return;
    }
    if (activation.instance.onActivate === undefined) this.activated(activation);
    else void this.runOnActivate(activation);
  }

  private async runOnActivate(activation: Activation): Promise<void> {
    this.activating++;
    try {
      await activation.instance.onActivate?.();
    } catch (error) {
      this.activating--;
      this.activationFailed(activation, error);
      return;
    }
    this.activating--;
    this.activated(activation);
  }

  private activated(activation: Activation): void {
    activation.state = 'active';
    if (!this.grain.reentrant) this.idle.push(activation);
    this.dispatch();
    if (activation.retiring) this.deactivationRequested(activation);
    if (this.silo.state !== 'started') this.retireIdle();
  }

  /** Leaves nothing behind. Calls fail with it unless another activation is there to take them. */
  private activationFailed(activation: Activation, error: unknown): void {
    remove(this.activations, activation);
    if (!this.activations.some(({ state }) => state !== 'deactivating')) this.failWaiting(error);
    this.settle();
  }

  private deactivate(activation: Activation, reason: DeactivationReason): void {
    activation.state = 'deactivating';
    remove(this.idle, activation);
    // After the silo's drain timeout the devices are closing: a hook would run against services that are gone.
    if (activation.instance.onDeactivate === undefined || this.silo.state === 'stopped') this.deactivated(activation);
    else void this.runOnDeactivate(activation, reason);
  }

  private async runOnDeactivate(activation: Activation, reason: DeactivationReason): Promise<void> {
    try {
      await activation.instance.onDeactivate?.(reason);
    } catch (error) {
      // There is no caller to tell, and the activation is gone either way.
      const { id, activationId } = activation;
      this.silo.logger.error('onDeactivate failed', { grain: `${id.type}/${id.key}`, activationId, reason, error });
    }
    this.deactivated(activation);
  }

  private deactivated(activation: Activation): void {
    remove(this.activations, activation);
    this.grow();
    this.settle();
  }

  private settle(): void {
    if (this.activations.length === 0 && this.waiting.length === 0) this.silo.vacated(this);
  }

  private failWaiting(error: unknown): void {
    for (const call of this.waiting.takeAll()) call.reject(error);
  }

  private queueFull(): GpuBridgeError {
    const grain = `${this.id.type}/${this.id.key}`;
    return new GpuBridgeError(
      'QUEUE_FULL',
      { deviceId: grain, tenant: 'default', retryAfterNs: RETRY_AFTER_NS },
      `${this.waiting.length} calls wait for grain ${grain}`,
    );
  }
}

/** The silo does not time turns, so this is no estimate: long enough to let a full queue move, short enough to poll. */
const RETRY_AFTER_NS = 1_000_000n;

function remove<T>(list: T[], element: T): void {
  const index = list.indexOf(element);
  if (index >= 0) list.splice(index, 1);
}
