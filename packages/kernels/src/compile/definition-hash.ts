import { createHash } from 'node:crypto';
import type { HelperDefinition, KernelDefinition } from '@gpu-bridge/abstractions';
import { textOf } from '../parse/body-source.js';

/**
 * SHA-256 of everything a definition says but for its bodies: parameters, constants, options, and the same of the helpers
 * it uses. Minifiers do not change it.
 */
export function declarationHash(definition: KernelDefinition): string {
  return hash(describe(definition, () => null));
}

/** SHA-256 of a definition with the texts of its bodies, and of whatever else decides what comes out. */
export function contentHash(definition: KernelDefinition, ...others: readonly string[]): string {
  return hash([...others, describe(definition, textOf)].join('\n'));
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

type Body = KernelDefinition['body'];

function describe(definition: KernelDefinition, body: (of: Body) => string | null): string {
  // Each helper once, in the order of first use, so that shared helpers do not multiply and circles end.
  const helpers: HelperDefinition[] = [];
  const numberOf = (helper: HelperDefinition): number => {
    const known = helpers.indexOf(helper);
    return known >= 0 ? known : helpers.push(helper) - 1;
  };
  const one = (of: KernelDefinition | HelperDefinition): string =>
    JSON.stringify(
      { ...of, body: body(of.body), uses: Object.entries(of.uses).map(([n, u]) => [n, numberOf(u)]) },
      plain,
    );
  const parts = [one(definition)];
  for (let i = 0; i < helpers.length; i++) {
    const helper = helpers[i];
    if (helper !== undefined) parts.push(one(helper));
  }
  return parts.join('\n');
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  // JSON would make 0 of -0 and null of the others.
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return `number:${Object.is(value, -0) ? '-0' : value}`;
  }
  return value;
}
