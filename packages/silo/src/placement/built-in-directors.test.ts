import { describe, expect, test } from 'vitest';
import type { PlacementContext } from '@gpu-bridge/abstractions';
import { candidate, contextOf } from '../testing/placement-fixture.js';
import { builtInDirectors } from './built-in-directors.js';

function chooser(name: string): (context: PlacementContext, key?: string) => string {
  const director = builtInDirectors().find((d) => d.name === name)!;
  return (context, key = 'k') => director.onAddActivation({ director: name }, { type: 'worker', key }, context);
}

/** How often each silo is chosen. */
function counts(name: string, context: PlacementContext, draws = 1000): Record<string, number> {
  const choose = chooser(name);
  const chosen: Record<string, number> = {};
  for (let i = 0; i < draws; i++) {
    const siloId = choose(context, String(i));
    chosen[siloId] = (chosen[siloId] ?? 0) + 1;
  }
  return chosen;
}

const full = { placedCalls: 256 };

describe('random', () => {
  test('takes all silos with room alike', () => {
    const chosen = counts('random', contextOf([candidate('a'), candidate('b', full), candidate('c')]));
    expect(Object.keys(chosen).sort()).toEqual(['a', 'c']);
    expect(Math.abs(chosen['a']! - 500)).toBeLessThan(60); // four standard deviations
  });

  test('takes a full silo, which says when to ask again, when all are full', () => {
    expect(counts('random', contextOf([candidate('a', full)]), 3)).toEqual({ a: 3 });
  });
});

describe('hash', () => {
  test('finds a grain’s silo again, whoever asks and however loaded the silos are', () => {
    const choose = chooser('hash');
    const here = contextOf([candidate('a', { isLocal: true }), candidate('b'), candidate('c')]);
    const there = contextOf([candidate('a', full), candidate('b', { activations: 9 }), candidate('c')], 99);
    for (let i = 0; i < 50; i++) expect(choose(here, `k${i}`)).toBe(choose(there, `k${i}`));
    expect(Object.keys(counts('hash', here)).sort()).toEqual(['a', 'b', 'c']);
  });

  test('keeps a grain where it is when another silo goes', () => {
    const choose = chooser('hash');
    const three = contextOf([candidate('a'), candidate('b'), candidate('c')]);
    const two = contextOf([candidate('a'), candidate('c')]);
    for (let i = 0; i < 50; i++) {
      const home = choose(three, `k${i}`);
      if (home !== 'b') expect(choose(two, `k${i}`)).toBe(home);
    }
  });
});

describe('least-loaded', () => {
  test('never takes the most loaded, and the less loaded of two', () => {
    const three = [
      candidate('a', { activations: 10, placedCalls: 10 }),
      candidate('b', { activations: 15 }),
      candidate('c'),
    ];
    const chosen = counts('least-loaded', contextOf(three));
    expect(chosen['a']).toBeUndefined();
    expect(chosen['c']!).toBeGreaterThan(chosen['b']!);
    expect(counts('least-loaded', contextOf(three.slice(0, 2)), 20)).toEqual({ b: 20 });
    expect(counts('least-loaded', contextOf(three.slice(0, 1)), 20)).toEqual({ a: 20 });
  });

  test('does not send everything to the one that looks least loaded', () => {
    const eight = Array.from({ length: 8 }, (_, i) => candidate(`s${i}`, { activations: i === 3 ? 0 : 5 }));
    // A share of 1/4: it is one of the two that are drawn.
    expect(counts('least-loaded', contextOf(eight))['s3']!).toBeLessThan(350);
  });
});

describe('prefer-local', () => {
  test('stays where the call was made, else takes the silo with the fewest activations', () => {
    const choose = chooser('prefer-local');
    const others = [candidate('a', { activations: 3 }), candidate('b', { activations: 1 })];
    expect(choose(contextOf(others))).toBe('b');
    expect(choose(contextOf([...others, candidate('c', { isLocal: true, activations: 9 })]))).toBe('c');
  });
});

describe('named-silo', () => {
  test('takes the silo that the key names, full or not, and no other', () => {
    const choose = chooser('named-silo');
    const silos = contextOf([candidate('a', { isLocal: true }), candidate('b', full)]);
    expect(choose(silos, 'b')).toBe('b');
    expect(() => choose(silos, 'c')).toThrowError(expect.objectContaining({ code: 'SILO_UNREACHABLE' }));
  });
});
