import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { Status } from '@gpu-bridge/protocol';
import type { ComputeDevice, Executor } from '@gpu-bridge/abstractions';
import type { Cqe } from '@gpu-bridge/protocol';
import type { DeviceStorage } from '../compiler/device-columns.js';
import { UNTOUCHED } from '../driver/bind-arguments.js';
import type { DeviceDriver } from '../driver/device-driver.js';
import { Unsupported } from '../driver/unsupported.js';

/** What an output element of 32 bits holds before a kernel wrote it. */
export const UNTOUCHED_U32 = UNTOUCHED * 0x01010101;

const STATUS_NAMES = new Map<number, string>(Object.entries(Status).map(([name, value]) => [value, name]));

/** The completion has this status, and counted this many violations. */
export function expectStatus(cqe: Readonly<Cqe>, expected: Status, violations = 0): void {
  const seen = { status: STATUS_NAMES.get(cqe.status) ?? cqe.status, violations: cqe.violations };
  assert.deepEqual(seen, { status: STATUS_NAMES.get(expected), violations });
}

/** The column holds these elements, bit for bit. */
export function expectBits(what: string, column: DeviceStorage, expected: ArrayLike<number> | ArrayLike<bigint>): void {
  assert.equal(column.length, expected.length, `${what}: elements`);
  const wanted = column.slice();
  for (let i = 0; i < expected.length; i++) wanted[i] = expected[i]!;
  const seenBytes = Buffer.from(column.slice().buffer);
  const wantedBytes = Buffer.from(wanted.buffer);
  if (seenBytes.equals(wantedBytes)) return;
  const at = seenBytes.findIndex((byte, i) => byte !== wantedBytes[i]);
  const element = Math.floor(at / column.BYTES_PER_ELEMENT);
  assert.fail(`${what}: element ${element} is ${column[element]}, expected ${wanted[element]}`);
}

/** The device's second executor. */
export function secondExecutor({ device }: DeviceDriver): Executor {
  const [, second] = device.executors;
  if (second === undefined) throw new Unsupported('one executor only');
  return second;
}

/**
 * Lets the event loop turn some times and checks that the bytes stay as they are: what should have stopped has stopped.
 * It can miss a late write, but never reports one that did not happen.
 */
export async function expectStill(what: string, ...regions: readonly Uint8Array[]): Promise<void> {
  const before = regions.map((region) => region.slice());
  for (let i = 0; i < 50; i++) await turn();
  regions.forEach((region, i) => {
    assert.ok(Buffer.compare(region, before[i]!) === 0, `memory was written ${what}`);
  });
}

/** The bytes of the device's arena. */
export function arenaBytesOf({ memory, arenaOffset, arenaBytes }: ComputeDevice): Uint8Array {
  return new Uint8Array(memory, arenaOffset, arenaBytes);
}

/** The bytes of one executor's ring. */
export function ringBytesOf({ ring }: Executor): Uint8Array {
  const { buffer, byteOffset, byteLength } = ring.memory.words;
  return new Uint8Array(buffer, byteOffset, byteLength);
}
