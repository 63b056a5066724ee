import { createHash } from 'node:crypto';
import { argumentLayout, columnsOf } from '@gpu-bridge/abstractions';
import type {
  CompiledKernel,
  KernelCompiler,
  KernelDefinition,
  KernelEffects,
  KernelParam,
  KernelRequirement,
} from '@gpu-bridge/abstractions';
import { interpret } from './interpret.js';

const REGISTRY = Symbol.for('@gpu-bridge/testkit/bodies');
type Registry = Map<number, KernelDefinition>;
const registry: Registry = ((globalThis as { [REGISTRY]?: Registry })[REGISTRY] ??= new Map<
  number,
  KernelDefinition
>());

/**
 * A compiler that does not compile: its `js` artifact runs the definition's own body, in this process only. For tests
 * that may not import `@gpu-bridge/kernels` and need a kernel to run on the `ReferenceBackend`.
 *
 * Bodies run with JavaScript's arithmetic and are rounded or wrapped where a value is stored or cast, so a body that
 * relies on the kernel language in between (several f32 operations in a row, u32 products beyond 2^53, a float cast
 * that saturates) gives other bits than a compiled kernel.
 */
export class BodyCompiler implements KernelCompiler {
  compile(definition: KernelDefinition): CompiledKernel {
    const { name, kind, params, fp, bounds } = definition;
    const text = JSON.stringify([kind, params, fp, bounds]) + definition.body.toString();
    const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
    const number = registry.size;
    registry.set(number, definition);
    const source = `(memory) => globalThis[Symbol.for('@gpu-bridge/testkit/interpret')](${number}, memory)`;
    return {
      descriptor: {
        id: `${name}@${hash}`,
        name,
        kind,
        params,
        layout: argumentLayout(params),
        effects: effectsOf(Object.values(params)),
        requires: requirementsOf(Object.values(params)),
        readsItemIndex: kind === 'map' && /\.item\b/.test(definition.body.toString()),
        fp,
        bounds,
        workgroup: null,
        workspaceBytes: 0,
        irVersion: 0,
      },
      artifacts: [{ target: 'js', source }],
      refused: [],
    };
  }
}

Object.assign(globalThis, {
  [Symbol.for('@gpu-bridge/testkit/interpret')]: (number: number, memory: ArrayBufferLike) => {
    const definition = registry.get(number);
    if (definition === undefined) throw new TypeError('this artifact was made in another process');
    return interpret(definition, memory);
  },
});

function effectsOf(params: readonly KernelParam[]): KernelEffects {
  if (params.some((p) => p.role === 'inout')) return 'mutates';
  return params.some((p) => p.role === 'atomic') ? 'accumulates' : 'pure';
}

function requirementsOf(params: readonly KernelParam[]): KernelRequirement[] {
  const needed = new Set<KernelRequirement>();
  for (const { role, type } of params) {
    for (const { dtype } of columnsOf(type.kind === 'ragged' ? type.element : type)) {
      if (dtype === 'f64') needed.add('f64');
      if (dtype !== 'i64' && dtype !== 'u64') continue;
      needed.add('i64');
      if (role === 'atomic') needed.add('i64-atomics');
    }
  }
  return [...needed].sort();
}
