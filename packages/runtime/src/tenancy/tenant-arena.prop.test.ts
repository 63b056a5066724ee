import { ReferenceBackend, SeededRandom } from '@gpu-bridge/testkit';
import { describe, expect, it } from 'vitest';
import type { ArenaBlock } from '../arena/arena-allocator.js';
import { DeviceMemory } from '../columns/device-memory.js';
import { tenantAccounts } from '../testing/fixture.js';
import { TenantArena } from './tenant-arena.js';

const TENANTS = ['ada', 'bob', 'cyd'];

async function open(arenaBytes: number, arenaMiB?: number) {
  const device = await new ReferenceBackend({ manual: true, arenaBytes }).open('reference:0');
  const accounts = tenantAccounts(arenaMiB === undefined ? {} : { defaults: { arenaMiB } });
  const memory = new DeviceMemory(device.memory);
  const arena = new TenantArena(device, memory, accounts, 0);
  const take = (tenant: string, sizeBytes: number): ArenaBlock => {
    const block = arena.take(tenant, sizeBytes, 'batch');
    if (typeof block === 'string') throw new Error(block);
    return block;
  };
  return { arena, accounts, memory, take };
}

describe('TenantArena', () => {
  it('gives no tenant a byte that another one has written, whatever is taken and freed in which order', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = new SeededRandom(seed);
      const { arena, accounts, memory } = await open(2 ** 16);
      const live: { block: ArenaBlock; mark: number }[] = [];
      for (let step = 0; step < 400; step++) {
        if (random.below(5) < 2 && live.length > 0) {
          arena.free(live.splice(random.below(live.length), 1)[0]!.block);
          continue;
        }
        const mark = random.below(TENANTS.length);
        const block = arena.take(TENANTS[mark]!, random.below(random.below(8) === 0 ? 20_000 : 700), 'batch');
        if (typeof block === 'string') continue;
        const bytes = memory.u8.subarray(block.offset, block.offset + block.sizeBytes);
        expect(bytes.every((byte) => byte === 0 || byte === mark + 1)).toBe(true);
        bytes.fill(mark + 1);
        live.push({ block, mark });
      }
      for (const { block, mark } of live) {
        expect(memory.u8.subarray(block.offset, block.offset + block.sizeBytes).every((b) => b === mark + 1)).toBe(
          true,
        );
        arena.free(block);
      }
      expect(TENANTS.map((tenant) => accounts.of(tenant).arenaBytes)).toEqual([0, 0, 0]);
    }
  });

  it('wipes what another tenant had, once, and leaves alone what a tenant had itself', async () => {
    const { arena, accounts, memory, take } = await open(2 ** 16);
    const first = take('ada', 1_024);
    memory.u8.fill(7, first.offset, first.offset + 1_024);
    arena.free(first);
    const again = take('ada', 1_024);
    expect([again.offset, memory.u8[again.offset]]).toEqual([first.offset, 7]);
    arena.free(again);
    const other = take('bob', 512);
    expect([other.offset, memory.u8[other.offset], memory.u8[other.offset + 511]]).toEqual([first.offset, 0, 0]);
    const rest = take('ada', 512); // still its own
    expect([rest.offset, memory.u8[rest.offset]]).toEqual([first.offset + 512, 7]);
    arena.free(other);
    arena.free(take('bob', 512));
    expect([accounts.of('ada').wipedBytes, accounts.of('bob').wipedBytes]).toEqual([0, 512]);
  });

  it('wipes too much rather than too little where more tenants had pieces of a run than are kept apart', async () => {
    const { arena, accounts, memory, take } = await open(2 ** 16);
    const pieces = Array.from({ length: 300 }, (_, i) => take(TENANTS[i % 2]!, 64));
    const [start] = pieces;
    for (const [i, { offset, sizeBytes }] of pieces.entries()) memory.u8.fill(1 + (i % 2), offset, offset + sizeBytes);
    for (const piece of pieces) arena.free(piece);
    const whole = take('ada', 300 * 64);
    expect(whole.offset).toBe(start!.offset);
    expect(memory.u8.subarray(whole.offset, whole.offset + whole.sizeBytes).includes(2)).toBe(false);
    const wiped = accounts.of('ada').wipedBytes;
    expect([wiped >= 150 * 64, wiped <= 300 * 64]).toEqual([true, true]);
    take('ada', 64); // what nobody has used
    expect(accounts.of('ada').wipedBytes).toBe(wiped);
  });

  it('counts against the quota what is taken, until it is freed, and tells whom memory came back to', async () => {
    const { arena, accounts } = await open(2 ** 16, 2 ** -10); // 1 KiB each
    const told: string[] = [];
    arena.refunded = (tenant) => void told.push(tenant);
    const block = arena.take('ada', 1_000, 'kept');
    if (typeof block === 'string') throw new Error(block);
    expect([arena.take('ada', 1, 'batch'), arena.awaits('ada')]).toEqual(['quota', false]);
    expect(arena.refuse('ada', 1)).toMatchObject({
      code: 'QUOTA_EXCEEDED',
      details: { tenant: 'ada', deviceId: 'reference:0', requestedBytes: 1, usedBytes: 1_024, quotaBytes: 1_024 },
    });
    expect(typeof arena.take('bob', 1_024, 'batch')).toBe('object');
    expect(arena.awaits('bob')).toBe(true);
    arena.free(block);
    expect(told).toEqual(['ada']);
    expect([accounts.of('ada').arenaBytes, accounts.of('bob').arenaBytes]).toEqual([0, 1_024]);
    expect(accounts.of('ada').refusedByQuota).toBe(1);
  });
});
