import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type {
  BoundedRaggedType,
  KernelDefinition,
  KernelParam,
  KernelParams,
  RaggedType,
} from '@gpu-bridge/abstractions';

const ROLES: Record<KernelDefinition['kind'], ReadonlySet<KernelParam['role']>> = {
  map: new Set(['input', 'output', 'scratch', 'uniform']),
  grid: new Set(['input', 'output', 'inout', 'atomic', 'uniform']),
};

/** @throws GpuBridgeError `INVALID_ARGUMENT` naming the field that is wrong. */
export function validateDefinition(definition: KernelDefinition): void {
  const { name, params, kind, body } = definition;
  if (!/^[a-z][a-z0-9]*([-./][a-z0-9]+)*$/.test(name)) {
    throw GpuBridgeError.invalidArgument(
      'name',
      name,
      "lower-case words joined by '-', '.' or '/', such as 'ledger/decompose'",
    );
  }
  if (typeof body !== 'function') throw GpuBridgeError.invalidArgument('body', body, 'a function');
  for (const [param, declaration] of Object.entries(params)) validateParam(kind, params, param, declaration);
  for (const group of ['constants', 'uses'] as const) {
    for (const key of Object.keys(definition[group])) {
      if (!isIdentifier(key)) throw GpuBridgeError.invalidArgument(group, key, 'an identifier');
    }
  }
}

function validateParam(kind: KernelDefinition['kind'], params: KernelParams, name: string, param: KernelParam): void {
  const field = `params.${name}`;
  if (!isIdentifier(name)) throw GpuBridgeError.invalidArgument('params', name, 'an identifier');
  if (!ROLES[kind].has(param.role)) {
    throw GpuBridgeError.invalidArgument(
      `${field}.role`,
      param.role,
      `one of ${[...ROLES[kind]].join(', ')} in a ${kind} kernel`,
    );
  }
  if (param.type.kind === 'ragged') {
    if (kind === 'grid')
      throw GpuBridgeError.invalidArgument(`${field}.type`, 'ragged', 'a scalar or struct in a grid kernel');
    if (param.role === 'output') {
      if (!isBounded(param.type)) {
        throw GpuBridgeError.invalidArgument(
          `${field}.type`,
          param.type,
          'ragged(element, { max: [a, b] }): an output needs a bound',
        );
      }
      driverOf(params, field, param.type.max, param.type.per);
    }
  }
  if (param.role === 'scratch') driverOf(params, field, param.max, param.per);
  if (param.role === 'input' && param.indexes !== undefined) {
    if (kind !== 'grid' || param.type.kind !== 'scalar' || (param.type.dtype !== 'u32' && param.type.dtype !== 'i32')) {
      throw GpuBridgeError.invalidArgument(
        `${field}.indexes`,
        param.indexes,
        'given only to u32 or i32 inputs of grid kernels',
      );
    }
    const target = params[param.indexes];
    if (target === undefined || target.role === 'uniform') {
      throw GpuBridgeError.invalidArgument(`${field}.indexes`, param.indexes, 'the name of an array parameter');
    }
  }
}

function isBounded(type: RaggedType): type is BoundedRaggedType {
  return 'max' in type;
}

/**
 * Name of the ragged input whose lists drive a bound `[a, b]`; undefined where the bound does not depend on a list.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` where it is missing, unknown or ambiguous.
 */
export function driverOf(
  params: KernelParams,
  field: string,
  max: readonly [number, number],
  per: string | undefined,
): string | undefined {
  const lists = Object.entries(params).flatMap(([n, p]) => (p.role === 'input' && p.type.kind === 'ragged' ? [n] : []));
  if (per !== undefined) {
    if (!lists.includes(per)) throw GpuBridgeError.invalidArgument(`${field}.per`, per, 'the name of a ragged input');
    return per;
  }
  if (max[0] === 0) return undefined;
  if (lists.length !== 1) {
    throw GpuBridgeError.invalidArgument(
      `${field}.per`,
      per,
      `the name of a ragged input; there are ${lists.length} to choose from`,
    );
  }
  return lists[0];
}

export function isIdentifier(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}
