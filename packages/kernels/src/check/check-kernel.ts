import { GpuBridgeError, argumentLayout, columnsOf } from '@gpu-bridge/abstractions';
import type { DType, HelperDefinition, KernelDefinition } from '@gpu-bridge/abstractions';
import { mapKernel } from '../authoring/define-kernel.js';
import { sourceOf } from '../parse/body-source.js';
import type { BodySource } from '../parse/body-source.js';
import type { Locate } from '../parse/locate.js';
import { BodySyntaxError } from '../parse/parse-body.js';
import type { ParsedBody } from '../parse/parse-body.js';
import { IR_VERSION } from '../ir/nodes.js';
import { uniformityOf } from '../passes/uniformity.js';
import type { BarrierViolation } from '../passes/uniformity.js';
import type { ArrayRef, IrArg, IrFunction, IrKernel, IrLocal, Stmt } from '../ir/nodes.js';
import { bindPattern } from './declarations.js';
import { Diagnostics, Finding } from './diagnostics.js';
import { entitiesOfParams } from './entities.js';
import type { Entity } from './entities.js';
import { lowerCondition, lowerValue } from './expressions.js';
import { Scope } from './function-state.js';
import type { FunctionState, KernelState, Lowering } from './function-state.js';
import { isVoid, lowerBlock, lowerEffects, lowerReturn } from './statements.js';

/**
 * Parses and checks a kernel and the helpers it uses.
 *
 * @throws GpuBridgeError `KERNEL_BUILD_FAILED` with every finding.
 */
export function checkKernel(definition: KernelDefinition): IrKernel {
  const kernel = lowerKernel(definition);
  // Only such kernels can have barriers.
  if (!kernel.fullGroups) return kernel;
  const diagnostics = new Diagnostics();
  const { locate } = sourceOf(`kernel ${definition.name}`, definition.body);
  for (const violation of uniformityOf(kernel).violations) diagnostics.add(locate, divergence(violation, locate));
  if (diagnostics.list.length > 0) throw buildFailure(`kernel '${kernel.name}'`, kernel.name, diagnostics);
  return kernel;
}

function divergence({ at, because, causeAt }: BarrierViolation, locate: Locate): Finding {
  const { line, column } = locate(causeAt);
  const message =
    `some ids of the group may not reach this barrier, because ${because} (${line}:${column}); move the barrier out, ` +
    'make what decides the same for the whole group, or write `if (k.inRange) …` around single statements instead of leaving early';
  return new Finding('barrier-divergence', message, at);
}

/** The kernel with every rule checked except where barriers may stand. */
export function lowerKernel(definition: KernelDefinition): IrKernel {
  const { name, kind, params, fp, bounds } = definition;
  const { slots } = argumentLayout(params);
  const diagnostics = new Diagnostics();
  const kernel: KernelState = { definition, slots, diagnostics, helpers: [], helperIndex: new Map(), open: [] };
  const main = checkFunction(kernel, {
    label: `kernel ${name}`,
    name: 'main',
    kind,
    body: definition.body,
    constants: definition.constants,
    uses: definition.uses,
    returns: undefined,
    args: [],
    locals: [],
    params: entitiesOfParams(definition, slots),
  });
  if (main === undefined || diagnostics.list.length > 0) throw buildFailure(`kernel '${name}'`, name, diagnostics);
  return {
    version: IR_VERSION,
    name,
    kind,
    params,
    fp,
    bounds,
    workgroup: definition.workgroup ?? null,
    fullGroups: definition.grid === 'full-groups',
    shared: Object.entries(definition.shared ?? {}).map(([name, { dtype, length, atomic }]) => ({
      name,
      dtype,
      length,
      atomic,
    })),
    main,
    helpers: kernel.helpers,
  };
}

/**
 * A helper apart from any kernel, with those it calls, in the order and with the indexes of `IrKernel.helpers`.
 *
 * @throws GpuBridgeError `KERNEL_BUILD_FAILED` with every finding.
 */
export function checkHelperAlone(definition: HelperDefinition): ReadonlyMap<HelperDefinition, IrFunction> {
  const diagnostics = new Diagnostics();
  const kernel: KernelState = {
    definition: mapKernel(definition.name.replaceAll('_', '-'), { params: {} }, () => undefined),
    slots: [],
    diagnostics,
    helpers: [],
    helperIndex: new Map(),
    open: [],
  };
  checkHelper(kernel, definition, 0, sourceOf(`helper ${definition.name}`, definition.body).locate);
  if (diagnostics.list.length > 0) throw buildFailure(`helper '${definition.name}'`, definition.name, diagnostics);
  return new Map(
    [...kernel.helperIndex].flatMap(([helper, index]) => {
      const fn = index === undefined ? undefined : kernel.helpers[index];
      return fn ? [[helper, fn]] : [];
    }),
  );
}

function buildFailure(what: string, kernel: string, { list }: Diagnostics): GpuBridgeError {
  const text = list.map((d) => `${d.file}:${d.line}:${d.column} ${d.rule}: ${d.message}`).join('\n  ');
  return new GpuBridgeError(
    'KERNEL_BUILD_FAILED',
    { kernel, diagnostics: list },
    `${what} has ${list.length} finding(s)\n  ${text}`,
  );
}

interface FunctionSpec extends Pick<FunctionState, 'kind' | 'constants' | 'uses' | 'returns' | 'params'> {
  readonly label: string;
  readonly name: string;
  readonly body: (...args: never[]) => unknown;
  readonly args: readonly IrArg[];
  readonly locals: IrLocal[];
}

const LOWERING: Lowering = {
  value: lowerValue,
  condition: lowerCondition,
  effects: lowerEffects,
  helper: (f, definition, at) => checkHelper(f.kernel, definition, at, f.locate),
};

function checkFunction(kernel: KernelState, spec: FunctionSpec): IrFunction | undefined {
  const { diagnostics } = kernel;
  const source = sourceOf(spec.label, spec.body);
  const { locate } = source;
  const before = diagnostics.list.length;
  const parsed = parseOrReport(diagnostics, source);
  if (parsed === undefined) return undefined;
  const f: FunctionState = {
    ...spec,
    lower: LOWERING,
    kernel,
    locate,
    shift: parsed.shift,
    scope: new Scope(null),
    loopDepth: 0,
  };
  const body = diagnostics.guard(locate, () => lowerFunction(f, parsed));
  if (body === undefined || diagnostics.list.length > before) return undefined;
  if (spec.returns !== undefined && !alwaysReturns(body)) {
    const end = parsed.fn.end - parsed.shift - 1;
    const message = `helper '${spec.name}' may end without a result; return one on every path`;
    diagnostics.add(locate, new Finding('missing-return', message, end));
    return undefined;
  }
  return {
    name: spec.name,
    args: spec.args,
    results: spec.returns === undefined ? [] : columnsOf(spec.returns).map((column) => column.dtype),
    locals: f.locals,
    body,
  };
}

function parseOrReport(diagnostics: Diagnostics, source: BodySource): ParsedBody | undefined {
  try {
    return source.parse();
  } catch (e) {
    if (!(e instanceof BodySyntaxError)) throw e;
    diagnostics.add(source.locate, new Finding('syntax', e.message, e.offset));
    return undefined;
  }
}

function lowerFunction(f: FunctionState, { fn }: ParsedBody): Stmt[] {
  if (fn.async || fn.generator)
    throw new Finding('unsupported', 'a body is a plain function, not async and not a generator', 0);
  if (fn.params.length > 2) throw new Finding('arguments', 'a body takes the context and the parameters object', 0);
  const [context, params] = fn.params;
  if (context) bindPattern(f, context, { kind: 'context' });
  if (params) bindPattern(f, params, { kind: 'params' });
  if (fn.body.type === 'BlockStatement') return lowerBlock(f, fn.body.body);
  if (isVoid(fn.body)) return [];
  return f.returns === undefined ? lowerEffects(f, fn.body) : lowerReturn(f, fn.body, fn.body.start - f.shift);
}

function checkHelper(
  kernel: KernelState,
  definition: HelperDefinition,
  at: number,
  caller: Locate,
): number | undefined {
  if (kernel.open.includes(definition)) {
    const path = [...kernel.open, definition].map((h) => h.name).join(' → ');
    kernel.diagnostics.add(
      caller,
      new Finding('recursion', `helpers call each other in a circle (${path}); write a loop`, at),
    );
    return undefined;
  }
  if (kernel.helperIndex.has(definition)) return kernel.helperIndex.get(definition);
  kernel.open.push(definition);
  const locals: IrLocal[] = [];
  const { args, params } = argsOfHelper(definition, locals);
  const fn = checkFunction(kernel, {
    label: `helper ${definition.name}`,
    name: definition.name,
    kind: 'helper',
    body: definition.body,
    constants: definition.constants,
    uses: definition.uses,
    returns: definition.returns,
    args,
    locals,
    params,
  });
  kernel.open.pop();
  const index = fn && kernel.helpers.push(fn) - 1;
  kernel.helperIndex.set(definition, index);
  return index;
}

/** The arguments of a helper and what its body sees; a bundle of columns is one array argument for each. */
function argsOfHelper(definition: HelperDefinition, locals: IrLocal[]): { args: IrArg[]; params: Map<string, Entity> } {
  const params = new Map<string, Entity>();
  const args: IrArg[] = [];
  const arrayArg = (name: string, dtype: DType, writable: boolean, first: number): ArrayRef => {
    const arg = args.push({ kind: 'array', dtype, writable, name }) - 1;
    return { kind: 'arg', arg, length: { kind: 'arg', arg: first }, dtype };
  };
  for (const [name, arg] of Object.entries(definition.args)) {
    const first = args.length;
    if (arg.kind === 'scalar') {
      const { dtype } = arg;
      const local = locals.push({ name, type: dtype }) - 1;
      // An argument is a copy, but JavaScript readers expect destructured parameters to be assignable.
      params.set(name, { kind: 'local', name, local, type: dtype, mutable: true });
      args.push({ kind: 'scalar', local, dtype });
    } else if (arg.kind === 'array') {
      const { dtype, writable } = arg;
      params.set(name, { kind: 'array', param: name, array: arrayArg(name, dtype, writable, first), writable });
    } else {
      const { writable } = arg;
      const columns = new Map(
        columnsOf(arg.type).map((c) => [c.name, arrayArg(`${name}_${c.name}`, c.dtype, writable, first)]),
      );
      // All columns have the length of the first.
      params.set(name, { kind: 'columns', param: name, columns, length: { kind: 'arg', arg: first }, writable });
    }
  }
  return { args, params };
}

/** Whether every path ends in a return. */
function alwaysReturns(stmts: readonly Stmt[]): boolean {
  const last = stmts.at(-1);
  if (last === undefined) return false;
  if (last.op === 'return') return true;
  if (last.op === 'if') return alwaysReturns(last.then) && alwaysReturns(last.else);
  return last.op === 'loop' && last.condition === null && !breaksOut(last.body);
}

function breaksOut(stmts: readonly Stmt[]): boolean {
  return stmts.some((s) => s.op === 'break' || (s.op === 'if' && (breaksOut(s.then) || breaksOut(s.else))));
}
