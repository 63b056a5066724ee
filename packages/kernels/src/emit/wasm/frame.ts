import type {
  ArrayRef,
  AtomicExpr,
  Axis,
  CallExpr,
  IdKind,
  IrFunction,
  Items,
  LengthRef,
  Stmt,
} from '../../ir/nodes.js';
import type { VectorBody } from '../../passes/vectorize/vector-form.js';
import type { Code, Label } from './code.js';

/** A value that is ready without computing: a local or a constant. */
export type Ready = { readonly local: number } | { readonly value: number };

/** Where an array lies: byte address of element 0, and its length. */
export interface ArrayPlace {
  readonly address: number;
  readonly length: Ready;
}

/** What a body reaches outside its own locals. Helpers reach only their arguments. */
export interface Surroundings {
  readonly place: (array: ArrayRef) => ArrayPlace;
  readonly length: (length: LengthRef) => Ready;
  readonly uniform: (slot: number) => number;
  readonly item: () => number;
  readonly id: (which: IdKind, axis: Axis) => number;
  /** Pushes whether the id is inside the global size. */
  readonly inRange: (code: Code) => void;
  /** Emits a loop over ids. */
  readonly items: (frame: Frame, items: Items) => void;
  /** Pushes the address of the item's element in a column. */
  readonly itemAddress: (code: Code, slot: number) => void;
  /** Local that counts the elements pushed to a ragged output. */
  readonly count: (countsSlot: number) => number;
}

/** Vector forms of `items` statements, each with the number of v128 that make up one of its values. */
export type Vectors = ReadonlyMap<Items, { readonly body: VectorBody; readonly parts: number }>;

/** One function body being emitted; an inlined helper has a frame of its own in the caller's code. */
export interface Frame {
  readonly code: Code;
  readonly fn: IrFunction;
  /** WebAssembly local of each local of the function. */
  readonly locals: readonly number[];
  readonly around: Surroundings;
  /** Where a return goes; undefined returns from the WebAssembly function. */
  readonly exit: Label | undefined;
  /** Locals that get the results; without them a result is left on the stack. */
  readonly results?: readonly number[];
  /** Arrays that this code has a copy of, by slot: the address of its element 0. */
  readonly copies: ReadonlyMap<number, number>;
  readonly breaks: Label[];
  readonly continues: Label[];
  readonly module: ModuleContext;
}

/** Parts of the generator that call each other in a circle, and the helpers of the module. */
export interface ModuleContext {
  readonly stmt: (frame: Frame, stmt: Stmt) => void;
  readonly call: (frame: Frame, call: CallExpr) => void;
  readonly callInto: (frame: Frame, call: CallExpr, targets: readonly number[]) => void;
  readonly atomic: (frame: Frame, expr: AtomicExpr) => void;
  readonly helpers: readonly HelperCode[];
  /** Vector forms of the `items` statements, in code that uses them. */
  readonly vectors: Vectors;
}

/** A helper is inlined where `index` is null, else called. */
export interface HelperCode {
  readonly fn: IrFunction;
  readonly index: number | null;
}

/** Index of the global that counts violations. */
export const VIOLATIONS = 0;
