import { expect, test } from 'vitest';
import { ProducerMemory } from './producer-memory.js';
import type { StreamReceipt } from './producer-memory.js';

/** Counts the pushes that are made. */
class Pushes {
  made = 0;
  readonly memory = new ProducerMemory();

  push(producerId: string, sequence: number): Promise<StreamReceipt> {
    return this.memory.once({ producerId, sequence }, () =>
      Promise.resolve({ position: { entry: 1, item: this.made++ } }),
    );
  }
}

test('a push that is made again while the first is under way resolves with it', async () => {
  const memory = new ProducerMemory();
  let accept!: (receipt: StreamReceipt) => void;
  const stamp = { producerId: 'p', sequence: 1 };
  const first = memory.once(stamp, () => new Promise((resolve) => (accept = resolve)));
  const again = memory.once(stamp, () => Promise.reject(new Error('made twice')));
  accept({ position: { entry: 1, item: 5 } });
  expect(await again).toEqual(await first);
  expect(memory.duplicates).toBe(1);
});

test('sequences may come in any order within the window; of older ones nobody can tell, and they are refused', async () => {
  const pushes = new Pushes();
  for (let sequence = 5_000; sequence > 3_976; sequence--) await pushes.push('p', sequence);
  expect(pushes.made).toBe(1_024);
  await pushes.push('p', 4_000);
  expect(pushes.made).toBe(1_024);
  await expect(pushes.push('p', 3_976)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  for (let sequence = 5_001; sequence < 9_000; sequence++) await pushes.push('p', sequence);
  await expect(pushes.push('p', 5_000)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  expect(pushes.made).toBe(1_024 + 3_999);
});

test('of producers the latest 1,024 are remembered', async () => {
  const pushes = new Pushes();
  for (let p = 0; p < 1_024; p++) await pushes.push(`p${p}`, 1);
  await pushes.push('p0', 1);
  expect(pushes.made).toBe(1_024);
  await pushes.push('new', 1); // p1 goes: p0 was heard of since
  await pushes.push('p0', 1);
  expect(pushes.made).toBe(1_025);
  await pushes.push('p1', 1);
  expect(pushes.made).toBe(1_026);
});
