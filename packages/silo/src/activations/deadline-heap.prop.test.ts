import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DeadlineHeap } from './deadline-heap.js';
import { GrainMethod } from './grain-method.js';
import { PendingCall } from './pending-call.js';

function callAt(deadlineMs: number): PendingCall {
  const call = new PendingCall({ type: 't', key: 'k' }, new GrainMethod('t', 'm'), [], {}, undefined);
  call.deadlineMs = deadlineMs;
  return call;
}

test('the earliest call is in front, whatever was added and whichever left', () => {
  const steps = fc.array(fc.record({ add: fc.boolean(), deadlineMs: fc.nat(50), which: fc.nat() }), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (each) => {
      const heap = new DeadlineHeap();
      const model: PendingCall[] = [];
      for (const { add, deadlineMs, which } of each) {
        if (add || model.length === 0) {
          const call = callAt(deadlineMs);
          model.push(call);
          heap.add(call);
        } else {
          const [call] = model.splice(which % model.length, 1);
          heap.remove(call!);
          expect(call!.heapIndex).toBe(-1);
        }
        const earliest = model.length === 0 ? undefined : Math.min(...model.map((call) => call.deadlineMs));
        expect(heap.earliest?.deadlineMs).toBe(earliest);
      }
    }),
  );
});
