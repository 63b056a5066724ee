import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GrainReference } from '@gpu-bridge/abstractions';
import assert from 'node:assert/strict';
import type { SimSilo } from './sim-silo.js';
import type { Ledger } from './sim-grains.js';

export type CallKind = 'add' | 'put' | 'read' | 'count' | 'move' | 'work';

/** Whatever the silo says with one of these, the call did not run. */
const NOT_RUN = new Set<string>([
  'SILO_UNREACHABLE',
  'SILO_BUSY',
  'DRAINING',
  'GRAIN_MOVED',
  'GRAIN_BUSY',
  'GRAIN_NOT_FOUND',
]);
/** Whatever was to be done may have been done. */
const MAY_HAVE_RUN = new Set<string>(['OUTCOME_UNKNOWN', 'CLUSTER_UNAVAILABLE', 'LEASE_FENCED']);

/** One call of the simulation: what became of it, and what that promises. */
export class TrackedCall {
  /** `done`, or the code of its error. */
  outcome: string | undefined;
  /** Turns that ran it. */
  turns = 0;

  constructor(
    readonly id: number,
    readonly kind: CallKind,
    /** Of the ledger; undefined of a worker. */
    readonly key: string | undefined,
    readonly caller: SimSilo,
  ) {}

  /** Whether anybody is left who waits for it. */
  get isPending(): boolean {
    return this.outcome === undefined && this.caller.state !== 'dead';
  }

  get changesLedger(): boolean {
    return this.kind === 'add' || this.kind === 'put';
  }

  /** Whether what it was to change has been changed. */
  get isAcknowledged(): boolean {
    return this.changesLedger && this.outcome === 'done';
  }

  async settle(call: Promise<unknown>): Promise<void> {
    const outcome = await call.then(
      () => 'done',
      (error: unknown) =>
        GpuBridgeError.is(error) ? error.code : String(error instanceof Error ? error.stack : error),
    );
    // Nobody hears what a dead process still does.
    if (this.caller.state !== 'dead') this.outcome = outcome;
  }

  /** What it came to fits what it did. @param inLedger - how often it stands there. */
  check(inLedger: number): void {
    const { outcome, turns } = this;
    const what = `call ${this.id} (${this.kind} ${this.key ?? ''}) of ${this.caller.portId}: ${outcome}`;
    const mayRunTwice = this.kind === 'put' || this.kind === 'read';
    assert.ok(mayRunTwice || turns <= 1, `${what}: ran ${turns} times`);
    assert.ok(inLedger <= 1, `${what}: took effect ${inLedger} times`);
    assert.ok(inLedger === 0 || this.changesLedger, `${what}: changed something`);
    if (outcome === undefined || MAY_HAVE_RUN.has(outcome)) return;
    if (outcome !== 'done') {
      assert.ok(NOT_RUN.has(outcome), `${what}: an error that nobody expects`);
      assert.equal(turns, 0, `${what}: has run nevertheless`);
    } else {
      assert.ok(turns > 0, `${what}: was answered without having run`);
      if (this.changesLedger) assert.equal(inLedger, 1, `${what}: is lost`);
    }
  }
}

/** Reads a stream, to its end or so far. */
export async function readStream(
  ledger: GrainReference<Ledger>,
  callId: number,
  items: number,
  { pauseMs, until }: { readonly pauseMs: number; readonly until: number },
): Promise<void> {
  let seen = 0;
  for await (const item of await ledger.count(callId, items, pauseMs)) {
    assert.equal(item, seen, 'items of a stream come in order, without gaps');
    if (++seen === until) return;
  }
  assert.equal(seen, items, 'a stream that ends without an error is complete');
}
