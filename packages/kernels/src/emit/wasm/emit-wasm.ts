import type { CpuForm } from '../../ir/cpu-form.js';
import { planOf } from '../plan.js';
import type { KernelPlan } from '../plan.js';
import { emitAtomic } from './atomics.js';
import { emitCall, emitCallInto, emitHelper, inlined } from './calls.js';
import { Code, valOf } from './code.js';
import type { Driver } from './driver.js';
import { VIOLATIONS } from './frame.js';
import type { HelperCode, ModuleContext, Vectors } from './frame.js';
import { GridDriver } from './grid-driver.js';
import { GroupDriver } from './group-driver.js';
import { MapDriver } from './map-driver.js';
import { encodeModule } from './module.js';
import type { WasmFunction } from './module.js';
import { COMPARE, OP } from './opcodes.js';
import { emitWithCopies } from './private-copies.js';
import { Slots } from './slots.js';
import { emitStmt } from './statements.js';

/**
 * The kernel as a WebAssembly module; see `KernelArtifact`.
 *
 * @param vectors - vector forms of `items` statements; the scalar code then runs only the ids that fill no vector.
 */
export function emitWasm(form: CpuForm, vectors: Vectors = new Map()): Uint8Array<ArrayBuffer> {
  let next = 0;
  const isInlined = inlined(form.kernel.helpers);
  const helpers = form.kernel.helpers.map((fn, i): HelperCode => ({
    fn,
    index: isInlined[i] === true ? null : next++,
  }));
  const module: ModuleContext = {
    stmt: emitStmt,
    call: emitCall,
    callInto: emitCallInto,
    atomic: emitAtomic,
    helpers,
    vectors,
  };
  const functions = helpers.flatMap(({ fn, index }) => (index === null ? [] : [emitHelper(fn, module)]));
  return encodeModule([...functions, emitRun(form, module)], next);
}

function emitRun(form: CpuForm, module: ModuleContext): WasmFunction {
  const { main } = form.kernel;
  const plan = planOf(form.kernel);
  const code = new Code(4);
  const { bytes } = form.workspace;
  const workspace = bytes === 0 ? -1 : new Slots(code, plan).workspace(bytes);
  const driver = driverOf(form, code, plan, workspace);
  const { around } = driver;
  code.constant('i64', 0n).global(OP.globalSet, VIOLATIONS);
  driver.enter();
  const locals = main.locals.map((local) => code.local(valOf(local.type)));
  emitWithCopies(code, form, plan, workspace, (copies) => {
    driver.run(
      { code, fn: main, locals, around, exit: undefined, copies, breaks: [], continues: [], module },
      main.body,
    );
  });
  saturatedViolations(code);
  return { params: ['i32', 'i32', 'i32', 'i32'], results: ['i32'], code: code.finish() };
}

function driverOf(form: CpuForm, code: Code, plan: KernelPlan, workspace: number): Driver {
  if (form.kernel.kind === 'map') return new MapDriver(code, plan);
  if (form.kernel.workgroup === null) return new GridDriver(code, plan);
  return new GroupDriver(code, plan, form, workspace);
}

function saturatedViolations(code: Code): void {
  const limit = 0x7fff_ffffn;
  code.global(OP.globalGet, VIOLATIONS).constant('u64', limit);
  code.global(OP.globalGet, VIOLATIONS).constant('u64', limit).op(COMPARE.u64.lt, OP.select, OP.i32WrapI64);
}
