import { BehaviorSubject, NEVER, Subject, lastValueFrom, take, throwError, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { ProbeSource, gate, settled } from '../testing/probe-source.js';
import { BufferOverflowError, toObservable } from './to-observable.js';
import type { ToObservableOptions } from './to-observable.js';

interface Seen {
  readonly items: number[];
  end: unknown;
}

function watch(source: ProbeSource, options: ToObservableOptions<number>) {
  const seen: Seen = { items: [], end: 'open' };
  const subscription = toObservable(source, options).subscribe({
    next: (item) => seen.items.push(item),
    error: (error: unknown) => (seen.end = error),
    complete: () => (seen.end = 'complete'),
  });
  return { seen, subscription };
}

describe('toObservable', () => {
  test('emits what the source gives and completes', async () => {
    const source = new ProbeSource({ itemCount: 100 });
    const items = await lastValueFrom(toObservable(source, { buffer: 1, overflow: 'error' }).pipe(toArray()));
    expect(items).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(source.closed).toBe(0);
  });

  test('emits no more than is demanded; the rest waits in the buffer', async () => {
    const demand$ = new BehaviorSubject(2);
    const { seen } = watch(new ProbeSource({ itemCount: 5 }), { buffer: 3, overflow: 'error', demand$ });
    await settled();
    expect(seen).toEqual({ items: [0, 1], end: 'open' });
    demand$.next(1);
    expect(seen.items).toEqual([0, 1, 2]);
    demand$.next(10);
    expect(seen).toEqual({ items: [0, 1, 2, 3, 4], end: 'complete' });
  });

  test('ends with an error and closes the source when the buffer overflows', async () => {
    const source = new ProbeSource({ itemCount: 9 });
    const { seen } = watch(source, { buffer: 3, overflow: 'error', demand$: new BehaviorSubject(1) });
    await settled();
    expect(seen.items).toEqual([0]);
    expect(seen.end).toBeInstanceOf(BufferOverflowError);
    expect(source).toMatchObject({ given: 5, closed: 1 });
  });

  test.each([
    ['drop-oldest' as const, [0, 7, 8], [1, 2, 3, 4, 5, 6]],
    ['drop-newest' as const, [0, 1, 2], [3, 4, 5, 6, 7, 8]],
  ])('keeps what %s says, and reports and counts each drop', async (overflow, kept, expected) => {
    const dropped: number[] = [];
    const counts: number[] = [];
    const demand$ = new BehaviorSubject(1);
    const { seen } = watch(new ProbeSource({ itemCount: 9 }), {
      buffer: 2,
      overflow,
      demand$,
      onDrop: (item, count) => {
        dropped.push(item);
        counts.push(count);
      },
    });
    await settled();
    demand$.next(100);
    expect(seen).toEqual({ items: kept, end: 'complete' });
    expect(dropped).toEqual(expected);
    expect(counts).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('hands the error of the source on after the items that wait', async () => {
    const failure = new Error('source');
    const demand$ = new Subject<number>();
    const { seen } = watch(new ProbeSource({ itemCount: 2, failure }), { buffer: 8, overflow: 'error', demand$ });
    await settled();
    expect(seen.end).toBe('open');
    demand$.next(2);
    expect(seen).toEqual({ items: [0, 1], end: failure });
  });

  test('serves demand made while an item is emitted', async () => {
    const demand$ = new BehaviorSubject(1);
    const items: number[] = [];
    await new Promise<void>((complete) => {
      toObservable(new ProbeSource({ itemCount: 50 }), { buffer: 1, overflow: 'error', demand$ }).subscribe({
        next: (item) => {
          items.push(item);
          demand$.next(1);
        },
        complete,
      });
    });
    expect(items.length).toBe(50);
  });

  test('closes the source once when unsubscribed, also while it has nothing to give', async () => {
    const never = gate();
    const source = new ProbeSource({ itemCount: 5, before: (index) => (index === 1 ? never.passed : undefined) });
    const { seen, subscription } = watch(source, { buffer: 1, overflow: 'error' });
    await settled();
    subscription.unsubscribe();
    subscription.unsubscribe();
    expect(source.closed).toBe(1);
    never.open();
    await settled();
    expect(seen).toEqual({ items: [0], end: 'open' });
    expect(source).toMatchObject({ closed: 1, asked: 2 });
  });

  test('closes the source when an operator has had enough', async () => {
    const source = new ProbeSource({ itemCount: 1000 });
    await lastValueFrom(toObservable(source, { buffer: 1, overflow: 'error' }).pipe(take(3)));
    await settled();
    expect(source).toMatchObject({ given: 3, closed: 1 });
  });

  test('ends when the demand fails or is not a positive integer', async () => {
    const bad = [throwError(() => new Error('demand')), new BehaviorSubject(0), new BehaviorSubject(1.5)];
    for (const demand$ of bad) {
      const source = new ProbeSource({ itemCount: 3 });
      const { seen } = watch(source, { buffer: 1, overflow: 'error', demand$ });
      await settled();
      expect(seen.end).toBeInstanceOf(Error);
      expect(source.closed).toBe(1);
    }
  });

  test('ends when onDrop throws', async () => {
    const source = new ProbeSource({ itemCount: 3 });
    const onDrop = () => {
      throw new Error('onDrop');
    };
    const demand$ = new Subject<number>();
    const { seen } = watch(source, { buffer: 1, overflow: 'drop-newest', demand$, onDrop });
    await settled();
    demand$.next(1);
    expect(seen).toMatchObject({ items: [0], end: { message: 'onDrop' } });
    expect(source.closed).toBe(1);
  });

  test('refuses a buffer or an overflow policy that is none', () => {
    const source = new ProbeSource({ itemCount: 1 });
    expect(() => toObservable(source, { buffer: 0, overflow: 'error', demand$: NEVER })).toThrow('buffer');
    expect(() => toObservable(source, { buffer: 1, overflow: 'wait' as 'error' })).toThrow('overflow');
  });
});
