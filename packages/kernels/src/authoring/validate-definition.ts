import { GpuBridgeError, sizeOf } from '@gpu-bridge/abstractions';
import type {
  BoundedRaggedType,
  DType,
  GridOptions,
  HelperUses,
  KernelConstants,
  KernelDefinition,
  KernelParam,
  KernelParams,
  KernelShared,
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
  validateGroups(definition);
}

/** Ids per workgroup and bytes of its shared arrays that OpenCL, CUDA and WebGPU devices have at least. */
const MAX_WORKGROUP_IDS = 1024;
const MAX_SHARED_BYTES = 32_768;
const ATOMIC_TYPES: ReadonlySet<DType> = new Set(['i32', 'u32', 'i64', 'u64', 'f32']);

type Workgroup = GridOptions<KernelParams, KernelConstants, HelperUses, KernelShared>['workgroup'];

/**
 * The workgroup in x, y and z.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for sizes that are no positive integers or too many ids in all.
 */
export function normaliseWorkgroup(workgroup: NonNullable<Workgroup>): readonly [x: number, y: number, z: number] {
  const axes: unknown = typeof workgroup === 'number' ? [workgroup] : workgroup;
  const sizes: readonly unknown[] = Array.isArray(axes)
    ? [...(axes as unknown[]), 1, 1].slice(0, Math.max(3, axes.length))
    : [];
  const [x, y, z] = sizes.filter((n): n is number => Number.isInteger(n) && Number(n) >= 1);
  if (sizes.length !== 3 || x === undefined || y === undefined || z === undefined || x * y * z > MAX_WORKGROUP_IDS) {
    throw GpuBridgeError.invalidArgument(
      'workgroup',
      workgroup,
      `a number, [x, y] or [x, y, z] of positive integers with a product of at most ${MAX_WORKGROUP_IDS}`,
    );
  }
  return [x, y, z];
}

function validateGroups(definition: KernelDefinition): void {
  const { kind, workgroup, grid, shared = {}, params } = definition;
  for (const field of ['workgroup', 'grid', 'shared'] as const) {
    if (kind === 'map' && definition[field] !== undefined)
      throw GpuBridgeError.invalidArgument(field, definition[field], 'given only to grid kernels');
  }
  if (grid !== undefined && grid !== 'exact' && grid !== 'full-groups')
    throw GpuBridgeError.invalidArgument('grid', grid, "'exact' or 'full-groups'");
  if (workgroup === undefined && grid === 'full-groups')
    throw GpuBridgeError.invalidArgument('grid', grid, 'a kernel with a workgroup, such as `workgroup: 256`');
  if (workgroup === undefined && Object.keys(shared).length > 0)
    throw GpuBridgeError.invalidArgument(
      'shared',
      Object.keys(shared),
      'a kernel with a workgroup, such as `workgroup: 256`',
    );
  let bytes = 0;
  for (const [name, declared] of Object.entries(shared)) {
    if (!isIdentifier(name) || Object.hasOwn(params, name))
      throw GpuBridgeError.invalidArgument('shared', name, 'an identifier that names no parameter');
    if (declared?.kind !== 'shared')
      throw GpuBridgeError.invalidArgument(
        `shared.${name}`,
        declared,
        'shared(type, length) or sharedAtomic(type, length)',
      );
    if (declared.atomic && !ATOMIC_TYPES.has(declared.dtype))
      throw GpuBridgeError.invalidArgument(`shared.${name}`, declared.dtype, 'i32, u32, i64, u64 or f32');
    bytes += declared.length * sizeOf(declared.dtype);
  }
  if (bytes > MAX_SHARED_BYTES)
    throw GpuBridgeError.invalidArgument('shared', `${bytes} bytes`, `at most ${MAX_SHARED_BYTES} bytes in all`);
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
  if (param.role === 'atomic' && (param.type.kind !== 'scalar' || !ATOMIC_TYPES.has(param.type.dtype)))
    throw GpuBridgeError.invalidArgument(`${field}.type`, param.type, 'i32, u32, i64, u64 or f32');
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
