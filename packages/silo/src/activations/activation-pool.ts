import type { Activation } from './activation.js';

/** The activations of one grain key, and which of them can take a call. */
export class ActivationPool {
  private activations: Activation[] = [];
  /** Active and without an exclusive turn, last used last; stays empty for reentrant grains. */
  private idle: Activation[] = [];

  /** @param maxActivations - one of them at most gets a call; more wait for it. */
  constructor(private readonly maxActivations: number) {}

  get size(): number {
    return this.activations.length;
  }

  get isFull(): boolean {
    return this.activations.length >= this.maxActivations;
  }

  /** Safe against changes while it is read. */
  all(): Activation[] {
    return this.activations.slice();
  }

  /** Whether one is there, or will be, to take the calls that wait. */
  get canServe(): boolean {
    return this.activations.some(({ state }) => state !== 'deactivating');
  }

  add(activation: Activation): void {
    this.activations.push(activation);
  }

  remove(activation: Activation): void {
    remove(this.activations, activation);
    remove(this.idle, activation);
  }

  takeAll(): Activation[] {
    const activations = this.activations;
    this.activations = [];
    this.idle = [];
    return activations;
  }

  /** It can take an exclusive turn. */
  putIdle(activation: Activation): void {
    this.idle.push(activation);
  }

  takeIdle(): Activation | undefined {
    return this.idle.pop();
  }

  /** @returns whether it was idle; it no longer counts as such. */
  takeThisIdle(activation: Activation): boolean {
    return remove(this.idle, activation);
  }

  /** For turns that interleave; undefined when all are busy and there may be another one. */
  takeLeastBusy(): Activation | undefined {
    let leastBusy: Activation | undefined;
    for (const activation of this.activations) {
      // One that retires while it activates still takes a first call, or no call would ever be served.
      const takesCalls =
        activation.state === 'active' && !(activation.retiresAs !== undefined && activation.runningTurns > 0);
      if (takesCalls && (leastBusy === undefined || activation.runningTurns < leastBusy.runningTurns))
        leastBusy = activation;
    }
    const busy = leastBusy !== undefined && leastBusy.runningTurns > 0;
    return busy && !this.isFull ? undefined : leastBusy;
  }
}

function remove<T>(list: T[], element: T): boolean {
  const index = list.indexOf(element);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}
