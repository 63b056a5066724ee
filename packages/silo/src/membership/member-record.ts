import { DEVICE_TYPES } from '@gpu-bridge/abstractions';
import type { DeviceCapacity, DeviceHealth, KernelRequirement } from '@gpu-bridge/abstractions';
import { decodeValue, encodeValue } from '../messaging/codec.js';
import { Fields } from '../validation/fields.js';

/** What a silo says about itself, anew with every beat. */
export interface MemberRecord {
  readonly siloId: string;
  /** Grows with every incarnation of the silo. */
  readonly generation: number;
  readonly state: MemberState;
  /** What it hosts. */
  readonly grainTypes: readonly string[];
  /** Those of them that are stateless workers. */
  readonly statelessTypes: readonly string[];
  readonly hostName: string;
  readonly pid: number;
  readonly devices: readonly DeviceCapacity[];
  readonly activations: number;
  readonly placedCalls: number;
  readonly placedCallLimit: number;
}

/** `joining`: serves nothing yet. `draining`: finishes what it has; nothing new is placed there. */
export type MemberState = 'joining' | 'active' | 'draining';

/** A silo of the cluster, as the others see it. */
export interface Member extends MemberRecord {
  readonly address: string;
  /** No answer at its address, or no beat for the length of a lease: nothing new is placed there. */
  readonly suspect: boolean;
}

/** A member's row: its record, and by what it knows the row for its own. */
export interface MemberRow {
  readonly record: MemberRecord;
  /** Random, of one incarnation in one process. */
  readonly incarnation: string;
  /** Counts this incarnation's writes. */
  readonly beat: number;
  /** Of silos that work together. */
  readonly clusterEpoch: number;
}

const STATES: readonly MemberState[] = ['joining', 'active', 'draining'];
const HEALTH: readonly DeviceHealth[] = ['healthy', 'suspect', 'restarting', 'quarantined', 'closed'];
const REQUIREMENTS: readonly string[] = ['f64', 'i64', 'i64-atomics'] satisfies readonly KernelRequirement[];
const MAX_NAME = 256;

/** Rows by address; they vanish a lease after their last beat. */
export const MEMBERS_TABLE = 'members';

/** Stands where the row of a silo stood that is dead for good; whoever could put it there has proved it. */
export const TOMBSTONE = Uint8Array.of(0);

export function isTombstone(value: Uint8Array): boolean {
  return value.byteLength === 1 && value[0] === 0;
}

/** One endpoint per incarnation listens there, and the member's row has it as key. */
export function siloAddress(siloId: string, generation: number): string {
  return `${siloId}.${generation}`;
}

export function encodeMemberRow({ record, ...own }: MemberRow): Uint8Array {
  return encodeValue({ ...record, ...own });
}

/** @throws GpuBridgeError `MESSAGE_INVALID` for a row that no silo writes at this address. */
export function decodeMemberRow(address: string, value: Uint8Array): MemberRow {
  const fields = new Fields(`member row ${address}`, decodeValue(value));
  const record: MemberRecord = {
    siloId: fields.string('siloId', MAX_NAME),
    generation: fields.count('generation'),
    state: fields.oneOf('state', STATES),
    grainTypes: fields.strings('grainTypes'),
    statelessTypes: fields.strings('statelessTypes'),
    hostName: fields.string('hostName', MAX_NAME),
    pid: fields.count('pid'),
    devices: fields.list('devices').map((device) => decodeDevice(address, device)),
    activations: fields.count('activations'),
    placedCalls: fields.count('placedCalls'),
    placedCallLimit: fields.amount('placedCallLimit'),
  };
  fields.check(siloAddress(record.siloId, record.generation) === address, 'is of another silo');
  return {
    record,
    incarnation: fields.string('incarnation', MAX_NAME),
    beat: fields.count('beat'),
    clusterEpoch: fields.count('clusterEpoch'),
  };
}

function decodeDevice(address: string, value: unknown): DeviceCapacity {
  const fields = new Fields(`device of ${address}`, value);
  return {
    deviceId: fields.string('deviceId', MAX_NAME),
    type: fields.oneOf('type', DEVICE_TYPES),
    backend: fields.string('backend', MAX_NAME),
    health: fields.oneOf('health', HEALTH),
    freeArenaBytes: fields.amount('freeArenaBytes'),
    queuedJobs: fields.count('queuedJobs'),
    queueUse: fields.amount('queueUse'),
    oldestInFlightMs: fields.amount('oldestInFlightMs'),
    utilisation: fields.amount('utilisation'),
    // A newer silo may offer what this one has never heard of; nothing here can ask for it.
    offers: fields.strings('offers').filter(isRequirement),
    kernels: fields.strings('kernels'),
    datasets: fields.strings('datasets'),
  };
}

function isRequirement(offer: string): offer is KernelRequirement {
  return REQUIREMENTS.includes(offer);
}
