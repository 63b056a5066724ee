import type { DeactivationReason, GrainContext } from '@gpu-bridge/abstractions';
import assert from 'node:assert/strict';
import { findLedgerRow } from './sim-grains.js';
import type { LedgerRow } from './sim-grains.js';
import type { SimSilo } from './sim-silo.js';
import type { TrackedCall } from './tracked-call.js';

interface LiveActivation {
  readonly silo: SimSilo;
  readonly key: string;
  readonly fencingToken: number;
  /** Which of the silo's incarnations it is of. */
  readonly incarnationsLost: number;
}

/** Everything that happened to the ledgers of one run, and what must hold of it whatever happened. */
export class ClusterHistory {
  readonly calls: TrackedCall[] = [];
  /** Activations since the start. */
  activations = 0;
  /** Activations of a key that was active elsewhere before. */
  takeovers = 0;
  /** Activations that went to have another silo make the next one. */
  migrations = 0;

  private readonly byId = new Map<number, TrackedCall>();
  private readonly active = new Map<string, LiveActivation>();
  private readonly lastSilo = new Map<string, SimSilo>();
  /** By key: the highest token of an activation that has begun, and so has sealed. */
  private readonly sealed = new Map<string, number>();
  /** By key: the highest token under which a turn has begun. */
  private readonly turned = new Map<string, number>();
  private readonly rows = new Map<string, LedgerRow>();
  private readonly failures: string[] = [];

  track(call: TrackedCall): void {
    this.calls.push(call);
    this.byId.set(call.id, call);
  }

  activated(silo: SimSilo, { id: { key }, activationId, fencingToken }: GrainContext): void {
    if (silo.state === 'dead') return;
    this.activations++;
    if (this.lastSilo.has(key) && this.lastSilo.get(key) !== silo) this.takeovers++;
    this.lastSilo.set(key, silo);
    const sealed = this.sealed.get(key) ?? 0;
    if (fencingToken === sealed) this.fail(`${key}: token ${fencingToken} was given twice`);
    this.sealed.set(key, Math.max(sealed, fencingToken));
    const { incarnationsLost } = silo;
    this.active.set(`${silo.portId} ${activationId}`, { silo, key, fencingToken, incarnationsLost });
  }

  deactivated(silo: SimSilo, { activationId }: GrainContext, reason: DeactivationReason): void {
    if (reason === 'migrating') this.migrations++;
    this.active.delete(`${silo.portId} ${activationId}`);
  }

  turnStarted(silo: SimSilo, callId: number, context: GrainContext | undefined): void {
    if (silo.state === 'dead') return;
    this.byId.get(callId)!.turns++;
    if (context === undefined) return;
    const { fencingToken, id } = context;
    if (silo.isFenced) this.fail(`${id.key}: a turn began on ${silo.portId}, which is fenced`);
    const turned = this.turned.get(id.key) ?? 0;
    if (fencingToken < turned) this.fail(`${id.key}: a turn began under ${fencingToken} after one under ${turned}`);
    this.turned.set(id.key, Math.max(turned, fencingToken));
  }

  /** A row of the table `state` as the engine has accepted it, in its order. */
  accepted(bytes: Uint8Array | undefined): void {
    const row = bytes && findLedgerRow(bytes);
    if (row === undefined) return;
    const { key, fencingToken, callIds } = row;
    const last = this.rows.get(key);
    this.rows.set(key, row);
    this.checkNothingLost(row);
    // A seal carries the value on.
    if (last?.fencingToken === fencingToken && last.callIds.join() === callIds.join()) return;
    if (last !== undefined && fencingToken < last.fencingToken)
      this.fail(`${key}: a write under ${fencingToken} after one under ${last.fencingToken}`);
    const sealed = this.sealed.get(key) ?? 0;
    if (fencingToken < sealed) this.fail(`${key}: a write under ${fencingToken} after ${sealed} had sealed`);
  }

  /** After each step. */
  checkStep(): void {
    const owners = new Map<string, LiveActivation>();
    for (const activation of this.active.values()) {
      const { silo, key, incarnationsLost, fencingToken } = activation;
      if (!silo.isThere || silo.isFenced || silo.incarnationsLost !== incarnationsLost) continue;
      const other = owners.get(key);
      if (other !== undefined)
        this.fail(`${key} is active on ${silo.portId}/${fencingToken} and ${other.silo.portId}/${other.fencingToken}`);
      owners.set(key, activation);
    }
    assert.deepEqual(this.failures, []);
  }

  /** At the end. @param ledgers - what stands in the ledger of each key. */
  checkCalls(ledgers: ReadonlyMap<string, readonly number[]>): void {
    const counts = new Map<number, number>();
    for (const callId of [...ledgers.values()].flat()) counts.set(callId, (counts.get(callId) ?? 0) + 1);
    for (const call of this.calls) call.check(counts.get(call.id) ?? 0);
  }

  private checkNothingLost({ key, callIds }: LedgerRow): void {
    const present = new Set(callIds);
    const lost = this.calls.filter((call) => call.key === key && call.isAcknowledged && !present.has(call.id));
    if (lost.length > 0) this.fail(`${key}: acknowledged and lost: ${lost.map(({ id }) => id).join(', ')}`);
  }

  private fail(what: string): void {
    this.failures.push(what);
  }
}
