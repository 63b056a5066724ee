import type { DType } from '@gpu-bridge/abstractions';
import type {
  ArithmeticOperator,
  ArrayRef,
  AtomicOperator,
  BinaryOperator,
  Expr,
  UnaryOperator,
} from '../../ir/nodes.js';

/**
 * The body of an `items` loop for several neighbouring ids at once: W lanes, lane l being the id `first + l` in x (or
 * the item `first + l`). Every value is either uniform, one scalar that all active lanes share, or varying, one value
 * per lane; every mask is explicit. The number of lanes appears nowhere: a printer picks it.
 *
 * Lanes outside the mask of an access read nothing, write nothing and count no violation; what a load gives them is
 * unspecified. Statements run in order, each for all its lanes before the next; where lanes touch the same element in
 * one statement they do it in the order of the lanes.
 */
export interface VectorBody {
  readonly vars: readonly VectorVar[];
  readonly body: readonly VStmt[];
}

/** A variable of the vector form; starts as zeros. A varying bool is a lane mask. */
export interface VectorVar {
  readonly type: DType;
  readonly varying: boolean;
  /** For readable output. */
  readonly name: string;
}

/** What an IR expression without operands gives, the same for every lane of a vector. */
export type UniformLeaf = Expr & { readonly op: 'literal' | 'uniform' | 'length' | 'id' | 'local' };

interface Value {
  readonly type: DType;
  readonly varying: boolean;
}

/** Free of effects: accesses are statements. Operands of a varying node are varying, those of a uniform one uniform. */
export type VExpr =
  /** Ids are never `global.x` or `local.x`; a local is one of the group (`LocalHome`). */
  | (Value & { readonly op: 'leaf'; readonly varying: false; readonly expr: UniformLeaf })
  /** The item, `global.x` or `local.x` of lane 0. */
  | (Value & { readonly op: 'first'; readonly varying: false; readonly of: 'item' | 'global' | 'local' })
  | (Value & { readonly op: 'var'; readonly id: number })
  /** `first + lane`, wrapping; i32 or u32. */
  | (Value & { readonly op: 'lanes'; readonly varying: true; readonly first: VExpr })
  /** A uniform value in every lane. */
  | (Value & { readonly op: 'splat'; readonly varying: true; readonly value: VExpr })
  | (Value & { readonly op: 'unary'; readonly operator: UnaryOperator; readonly value: VExpr })
  | (Value & { readonly op: 'binary'; readonly operator: BinaryOperator; readonly left: VExpr; readonly right: VExpr })
  /** Of bools; both sides may be evaluated. `andNot` is `left && !right`. */
  | (Value & {
      readonly op: 'mask';
      readonly operator: 'and' | 'or' | 'andNot';
      readonly left: VExpr;
      readonly right: VExpr;
    })
  | (Value & { readonly op: 'select'; readonly condition: VExpr; readonly whenTrue: VExpr; readonly whenFalse: VExpr })
  /** The value where the mask is set, zero elsewhere; only integers. */
  | (Value & { readonly op: 'keep'; readonly varying: true; readonly mask: VExpr; readonly value: VExpr })
  | (Value & { readonly op: 'cast' | 'bitcast'; readonly value: VExpr })
  /** The value of lane 0. */
  | (Value & { readonly op: 'lane0'; readonly varying: false; readonly value: VExpr })
  /** Whether a mask has any lane. */
  | (Value & { readonly op: 'any'; readonly varying: false; readonly mask: VExpr });

/**
 * How the lanes' indexes lie. `uniform`: one element for all, the index is uniform. `unit`: neighbouring elements,
 * the index is that of lane 0 and uniform; lane l has `index + l`, wrapping. `lanes`: anything, the index is varying.
 */
export type Access = 'uniform' | 'unit' | 'lanes';

/** Lanes that take part; null is all of them. Always a variable or null, so it costs nothing to use it twice. */
export type Mask = VExpr | null;

export type VStmt =
  | { readonly op: 'set'; readonly id: number; readonly value: VExpr }
  /** Gives a local of the group a value, uniform. */
  | { readonly op: 'setGroup'; readonly local: number; readonly value: VExpr }
  /**
   * A column or an array of the workgroup. A uniform access sets a uniform variable, others a varying one. With `check`
   * an index outside reads 0 and counts one violation per lane that takes part.
   */
  | {
      readonly op: 'load';
      readonly id: number;
      readonly array: ArrayRef;
      readonly access: Access;
      readonly index: VExpr;
      readonly mask: Mask;
      readonly check: boolean;
    }
  /** The value is varying, except that a uniform access without operator may store a uniform one (once). */
  | {
      readonly op: 'store';
      readonly array: ArrayRef;
      readonly access: Access;
      readonly index: VExpr;
      readonly value: VExpr;
      readonly operator: ArithmeticOperator | null;
      readonly mask: Mask;
      readonly check: boolean;
    }
  /** The items' own elements of a column, neighbours; nobody else writes them. */
  | { readonly op: 'loadItem'; readonly id: number; readonly slot: number }
  | { readonly op: 'storeItem'; readonly slot: number; readonly value: VExpr; readonly mask: Mask }
  /** A kept local of all lanes from or to its array in the workspace, at the linear local ids. */
  | { readonly op: 'loadSpill'; readonly id: number; readonly local: number }
  | { readonly op: 'storeSpill'; readonly local: number; readonly value: VExpr }
  /** Lane by lane; index, value and expected are varying. `id` is the variable of the old values, null where unused. */
  | {
      readonly op: 'atomic';
      readonly id: number | null;
      readonly operator: AtomicOperator;
      readonly array: ArrayRef;
      readonly index: VExpr;
      readonly value: VExpr | null;
      readonly expected: VExpr | null;
      readonly mask: Mask;
      readonly check: boolean;
    }
  /** The condition is uniform. */
  | { readonly op: 'if'; readonly condition: VExpr; readonly then: readonly VStmt[]; readonly else: readonly VStmt[] }
  /** Repeats until a `leave` of a block around it. */
  | { readonly op: 'loop'; readonly body: readonly VStmt[] }
  | { readonly op: 'block'; readonly label: number; readonly body: readonly VStmt[] }
  /** Goes on after the block of that label if the condition, uniform, is true; null is always. */
  | { readonly op: 'leave'; readonly label: number; readonly when: VExpr | null };
