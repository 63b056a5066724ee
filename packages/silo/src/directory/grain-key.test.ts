import { checkClusterKey } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { mapKeyOf, tableKeyOf } from './grain-key.js';

const PAIRS = [
  { type: 'a', key: 'b' },
  { type: 'a.b', key: 'c' },
  { type: 'a', key: 'b.c' },
  { type: 'a/b', key: 'c' },
  { type: 'a', key: 'b/c' },
  { type: 'a=2f', key: 'b' },
  { type: 'a/', key: 'b' },
  { type: 'a', key: '=u0041' },
  { type: 'a', key: 'A' },
  { type: 'a', key: '\u0100' },
  { type: 'a', key: '=01=00' },
  { type: 'a', key: '\u0001\u0000' },
  { type: 'a', key: '\ud800' },
  { type: 'a', key: '\ud801' },
  { type: 'a', key: '\ufffd' },
  { type: '1', key: '1a' },
  { type: '11', key: 'a' },
  { type: 'x', key: '語'.repeat(256) },
  { type: 'x', key: '語'.repeat(255) },
  { type: 'x語', key: '語'.repeat(255) },
  { type: 'x', key: `${'語'.repeat(254)}\ud800` },
  { type: 'x', key: `${'語'.repeat(254)}\ud801` },
];

describe('keys of grains', () => {
  test('differ for different grains', () => {
    expect(new Set(PAIRS.map((id) => tableKeyOf(id))).size).toBe(PAIRS.length);
    expect(new Set(PAIRS.map(mapKeyOf)).size).toBe(PAIRS.length);
    const parts = ['r', 's', 'b', 'c', '.'];
    expect(new Set(PAIRS.flatMap((id) => parts.map((part) => tableKeyOf(id, part)))).size).toBe(
      PAIRS.length * parts.length,
    );
  });

  test('are keys of a table, however long and whatever they contain', () => {
    for (const id of PAIRS) {
      checkClusterKey(tableKeyOf(id));
      checkClusterKey(tableKeyOf(id, '.'));
    }
    checkClusterKey(tableKeyOf({ type: '/'.repeat(128), key: '.'.repeat(256) }, ' '.repeat(64)));
  });

  test('can be read where names are plain', () => {
    expect(tableKeyOf({ type: 'matrix', key: 'tenant-1/a' })).toBe('matrix.tenant-1=2fa');
  });
});
