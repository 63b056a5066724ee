import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Clock, ClusterTable, GrainId, GrainReminders, Schedule } from '@gpu-bridge/abstractions';
import { tableKeyOf } from '../directory/grain-key.js';
import { RaceBackOff } from '../directory/race-back-off.js';
import { encodeReminder } from './reminder-record.js';

export interface OwnRemindersServices {
  readonly clock: Clock;
  /** @throws GpuBridgeError `STORAGE_UNAVAILABLE` */
  table(): ClusterTable;
  /** The table took a write; it will tell so itself, but later. */
  changed(key: string, value: Uint8Array | undefined, revision: number): void;
  names(): readonly string[];
}

const MAX_NAME_LENGTH = 64;
const MIN_PERIOD_MS = 1_000;
/** A thousand years. */
const MAX_MS = 3e13;

/** The reminders of one grain, as its activation sees them. */
export class OwnReminders implements GrainReminders {
  constructor(
    private readonly grain: GrainId,
    private readonly services: OwnRemindersServices,
  ) {}

  async register(name: string, schedule: Schedule): Promise<void> {
    checkName(name);
    const { dueMs, periodMs } = checkSchedule(schedule);
    const { services, grain } = this;
    const table = services.table();
    const dueAtMs = Math.round(services.clock.wallMs() + dueMs);
    const value = encodeReminder({ grain, name, dueAtMs, periodMs, claimedBy: undefined });
    const key = tableKeyOf(grain, name);
    for (const races = this.races(name); ; await races.wait()) {
      const row = await table.get(key);
      const revision = await (row === undefined ? table.create(key, value) : table.update(key, value, row.revision));
      if (revision !== undefined) return services.changed(key, value, revision);
    }
  }

  async unregister(name: string): Promise<boolean> {
    checkName(name);
    const { services } = this;
    const table = services.table();
    const key = tableKeyOf(this.grain, name);
    for (const races = this.races(name); ; await races.wait()) {
      const row = await table.get(key);
      // A read that lags behind may not know it yet.
      if (row === undefined && !services.names().includes(name)) return false;
      if (row === undefined || !(await table.delete(key, row.revision))) continue;
      services.changed(key, undefined, row.revision);
      return true;
    }
  }

  async list(): Promise<readonly string[]> {
    this.services.table();
    return this.services.names();
  }

  private races(name: string): RaceBackOff {
    return new RaceBackOff(`reminder ${name} of ${this.grain.type}/${this.grain.key}`, this.services.clock);
  }
}

function checkName(name: unknown): void {
  if (typeof name === 'string' && name.length >= 1 && name.length <= MAX_NAME_LENGTH) return;
  throw GpuBridgeError.invalidArgument('name', name, `a string of 1..${MAX_NAME_LENGTH} characters`);
}

function checkSchedule(schedule: Schedule): Schedule {
  const { dueMs, periodMs } = schedule;
  if (!(typeof dueMs === 'number' && dueMs >= 0 && dueMs <= MAX_MS))
    throw GpuBridgeError.invalidArgument('schedule.dueMs', dueMs, `a number of 0..${MAX_MS}`);
  if (periodMs === undefined) return schedule;
  if (!(Number.isInteger(periodMs) && periodMs >= MIN_PERIOD_MS && periodMs <= MAX_MS))
    throw GpuBridgeError.invalidArgument('schedule.periodMs', periodMs, `an integer of ${MIN_PERIOD_MS}..${MAX_MS}`);
  return schedule;
}
