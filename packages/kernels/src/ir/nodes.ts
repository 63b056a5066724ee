/**
 * The intermediate form: a structured, typed tree. No SSA and no control-flow graph, because every target wants
 * structured control flow and its own compiler does the scalar optimisation. `at` is the offset of the node in the text
 * of its function; it is left out of the printed form and of the hash.
 */
import type { DType, KernelParams } from '@gpu-bridge/abstractions';

/** Grows with every change of meaning or shape of the nodes below. */
export const IR_VERSION = 2;

/** How many elements something has right now. */
export type LengthRef =
  /** Elements of a grid array; `slot` is the first column of the parameter. */
  | { readonly kind: 'column'; readonly slot: number }
  /** Elements of the item's list in a ragged input; `slot` holds the offsets. */
  | { readonly kind: 'list'; readonly slot: number }
  /** Elements pushed so far to a ragged output; `slot` holds the counts. */
  | { readonly kind: 'outList'; readonly slot: number }
  /** Room of the item's list in a ragged output. */
  | { readonly kind: 'capacity'; readonly slot: number }
  | { readonly kind: 'scratch'; readonly slot: number }
  /** Elements of an array of the workgroup; `shared` is its position in `IrKernel.shared`. */
  | { readonly kind: 'shared'; readonly shared: number }
  /** An array argument of the helper this stands in. */
  | { readonly kind: 'arg'; readonly arg: number };

/** An array a body can index. `slot` is the slot of its column in the argument block. */
export type ArrayRef =
  | {
      readonly kind: 'column' | 'list' | 'outList';
      readonly slot: number;
      readonly length: LengthRef;
      readonly dtype: DType;
    }
  | { readonly kind: 'scratch'; readonly slot: number; readonly length: LengthRef; readonly dtype: DType }
  | { readonly kind: 'shared'; readonly shared: number; readonly length: LengthRef; readonly dtype: DType }
  | { readonly kind: 'arg'; readonly arg: number; readonly length: LengthRef; readonly dtype: DType };

export type UnaryOperator =
  'neg' | 'not' | 'bitnot' | 'abs' | 'sqrt' | 'floor' | 'ceil' | 'trunc' | 'popcount' | 'clz' | 'ctz';
export type ArithmeticOperator =
  'add' | 'sub' | 'mul' | 'div' | 'rem' | 'and' | 'or' | 'xor' | 'shl' | 'shr' | 'ushr' | 'min' | 'max';
export type CompareOperator = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';
export type BinaryOperator = ArithmeticOperator | CompareOperator;
export type AtomicOperator =
  'add' | 'min' | 'max' | 'and' | 'or' | 'xor' | 'load' | 'store' | 'exchange' | 'compareExchange';
export type Axis = 'x' | 'y' | 'z';
/** Ids and sizes of a grid kernel, in the words of OpenCL. `local`, `group` and `groupCount` need a workgroup. */
export type IdKind = 'global' | 'globalSize' | 'local' | 'group' | 'groupCount';
/** Functions of f32 and f64 that targets do not agree on by themselves; see passes/lower-math. */
export type MathFunction = 'exp' | 'log' | 'sin' | 'cos' | 'pow' | 'fma';

interface Node {
  readonly at: number;
}
interface Typed extends Node {
  readonly type: DType;
}

export interface Literal extends Typed {
  readonly op: 'literal';
  readonly value: number | bigint | boolean;
}
interface LocalRef extends Typed {
  readonly op: 'local';
  readonly local: number;
}
/** The operands of `binary` have equal types; those of a comparison need not have the result's, which is bool. */
export interface Binary extends Typed {
  readonly op: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Expr;
  readonly right: Expr;
}
export interface Load extends Typed {
  readonly op: 'load';
  readonly array: ArrayRef;
  readonly index: Expr;
  /** Cleared by the range pass where the index is proven to be inside. */
  check: boolean;
}
export interface AtomicExpr extends Typed {
  readonly op: 'atomic';
  readonly operator: AtomicOperator;
  readonly array: ArrayRef;
  readonly index: Expr;
  /** Absent for `load`; the new value of `compareExchange`. */
  readonly value: Expr | null;
  /** What `compareExchange` compares with. */
  readonly expected: Expr | null;
  check: boolean;
}
export interface CallExpr extends Node {
  readonly op: 'call';
  /** Result type; null in a statement: the helper has no result, or several. */
  readonly type: DType | null;
  readonly helper: number;
  /** In the order of the helper's arguments. */
  readonly args: readonly CallArg[];
}
export type CallArg =
  { readonly kind: 'scalar'; readonly value: Expr } | { readonly kind: 'array'; readonly array: ArrayRef };

export type Expr =
  | Literal
  | LocalRef
  | (Typed & { readonly op: 'uniform'; readonly slot: number })
  | (Typed & { readonly op: 'item' })
  | (Typed & { readonly op: 'id'; readonly which: IdKind; readonly axis: Axis })
  /** Whether the id is inside the global size; false only in kernels that run full groups. */
  | (Typed & { readonly op: 'inRange' })
  | (Typed & { readonly op: 'unary'; readonly operator: UnaryOperator; readonly value: Expr })
  | Binary
  /** `pow` has two operands, `fma` three, the others one; all of the result's type, f32 or f64. */
  | (Typed & { readonly op: 'math'; readonly fn: MathFunction; readonly args: readonly Expr[] })
  /** Short-circuit. */
  | (Typed & { readonly op: 'logical'; readonly operator: 'and' | 'or'; readonly left: Expr; readonly right: Expr })
  /** Evaluates one branch. */
  | (Typed & {
      readonly op: 'conditional';
      readonly condition: Expr;
      readonly whenTrue: Expr;
      readonly whenFalse: Expr;
    })
  /** Evaluates the condition and both values. */
  | (Typed & { readonly op: 'select'; readonly condition: Expr; readonly whenTrue: Expr; readonly whenFalse: Expr })
  | (Typed & { readonly op: 'cast' | 'bitcast'; readonly value: Expr })
  | Load
  /** The item's own element of a column. */
  | (Typed & { readonly op: 'loadItem'; readonly slot: number })
  | (Typed & { readonly op: 'length'; readonly of: LengthRef })
  | (CallExpr & { readonly type: DType })
  | AtomicExpr
  /** Runs `body` (only simple statements: let, set, store, storeItem, push, do), then yields `value`. */
  | (Typed & { readonly op: 'sequence'; readonly body: readonly Stmt[]; readonly value: Expr });

export interface Store extends Node {
  readonly op: 'store';
  readonly array: ArrayRef;
  readonly index: Expr;
  readonly value: Expr;
  /** With an operator the element becomes `element operator value`; one check covers the read and the write. */
  readonly operator: ArithmeticOperator | null;
  check: boolean;
}
export interface Loop extends Node {
  readonly op: 'loop';
  /** When the condition is tested: before each round, or after it (do-while). */
  readonly test: 'before' | 'after';
  /** Null runs until a break or return. */
  readonly condition: Expr | null;
  readonly body: readonly Stmt[];
  /** Runs after the body and after `continue`. */
  readonly update: readonly Stmt[];
}
/**
 * Runs `body` for every id of the workgroup; only in the form for CPUs (passes/cpu-form), never nested. A `return` ends
 * the body for its id; no jump leaves the statement otherwise.
 */
export interface Items extends Node {
  readonly op: 'items';
  /** Where given, only ids with `k.local.x` below it run: a u32 that code of the group can evaluate, at the start. */
  readonly below: Expr | null;
  /** Locals that an id takes from the workspace before the body: what an earlier statement of this kind kept. */
  readonly loads: readonly number[];
  /** Locals that an id keeps in the workspace after the body, also after a `return`. */
  readonly stores: readonly number[];
  readonly body: readonly Stmt[];
}
export interface If extends Node {
  readonly op: 'if';
  readonly condition: Expr;
  readonly then: readonly Stmt[];
  readonly else: readonly Stmt[];
}

export type Stmt =
  | (Node & { readonly op: 'let' | 'set'; readonly local: number; readonly value: Expr })
  | Store
  | (Node & { readonly op: 'storeItem'; readonly slot: number; readonly value: Expr })
  /** Appends one value per column to a ragged output; `list` is its counts slot, `slots` its columns. */
  | (Node & {
      readonly op: 'push';
      readonly list: number;
      readonly slots: readonly number[];
      readonly values: readonly Expr[];
    })
  | If
  | Loop
  | (Node & { readonly op: 'break' | 'continue' })
  /** As many values as the function has results. */
  | (Node & { readonly op: 'return'; readonly values: readonly Expr[] })
  /** Evaluates for the effect. */
  | (Node & { readonly op: 'do'; readonly value: Expr | CallExpr })
  /** Calls a helper with several results and declares one local for each. */
  | (Node & { readonly op: 'callInto'; readonly locals: readonly number[]; readonly call: CallExpr })
  /** Every id of the workgroup arrives before any goes on; writes to shared and global arrays before it are seen after it. */
  | (Node & { readonly op: 'barrier' })
  | Items;

export interface IrLocal {
  readonly type: DType;
  /** As the author spelled it; only for readable output. */
  readonly name: string;
}
export type IrArg =
  /** Scalars arrive in a local. */
  | { readonly kind: 'scalar'; readonly local: number; readonly dtype: DType }
  | { readonly kind: 'array'; readonly dtype: DType; readonly writable: boolean; readonly name: string };

export interface IrFunction {
  readonly name: string;
  readonly args: readonly IrArg[];
  /** None, one, or the fields of a struct in their order. */
  readonly results: readonly DType[];
  readonly locals: readonly IrLocal[];
  readonly body: readonly Stmt[];
}

/** An array of one workgroup, zeros when the group starts. */
export interface IrShared {
  readonly name: string;
  readonly dtype: DType;
  readonly length: number;
  readonly atomic: boolean;
}

export interface IrKernel {
  readonly version: number;
  readonly name: string;
  readonly kind: 'map' | 'grid';
  readonly params: KernelParams;
  readonly fp: 'strict' | 'default';
  readonly bounds: 'checked' | 'off';
  /** Ids per workgroup, in x, y, z; null where the ids of a grid are independent, and in map kernels. */
  readonly workgroup: readonly [x: number, y: number, z: number] | null;
  /** The last groups run in full, also ids beyond the global size. */
  readonly fullGroups: boolean;
  readonly shared: readonly IrShared[];
  readonly main: IrFunction;
  /** A helper stands after the helpers it calls. */
  readonly helpers: readonly IrFunction[];
}
