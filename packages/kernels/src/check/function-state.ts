import type { Expression, PrivateIdentifier, Super } from 'acorn';
import type {
  ArgumentSlot,
  DType,
  HelperDefinition,
  HelperResult,
  KernelDefinition,
  TypedConstant,
} from '@gpu-bridge/abstractions';
import { Poisoned } from './diagnostics.js';
import type { Diagnostics } from './diagnostics.js';
import type { Entity } from './entities.js';
import type { Locate } from '../parse/locate.js';
import type { Expr, IrFunction, IrLocal, Stmt } from '../ir/nodes.js';
import type { Lowered } from './values.js';

/** Whatever can stand where an expression is wanted. */
export type Operand = Expression | Super | PrivateIdentifier;

/** The mutually recursive entry points of the checker, passed along so that its files need not import in a circle. */
export interface Lowering {
  readonly value: (f: FunctionState, node: Operand) => Lowered;
  readonly condition: (f: FunctionState, node: Operand) => Expr;
  /** An expression evaluated for its effects. */
  readonly effects: (f: FunctionState, node: Expression) => Stmt[];
  /** Index of a helper in the kernel, checked on first use; undefined when it has findings of its own. */
  readonly helper: (f: FunctionState, definition: HelperDefinition, at: number) => number | undefined;
}

/** What compiling one kernel shares between its functions. */
export interface KernelState {
  readonly definition: KernelDefinition;
  readonly slots: readonly ArgumentSlot[];
  readonly diagnostics: Diagnostics;
  readonly helpers: IrFunction[];
  /** Undefined for a helper with findings. */
  readonly helperIndex: Map<HelperDefinition, number | undefined>;
  /** Helpers being checked right now, outermost first. */
  readonly open: HelperDefinition[];
}

/** What checking one function (the kernel's body or a helper's) needs. */
export interface FunctionState {
  readonly lower: Lowering;
  readonly kernel: KernelState;
  readonly kind: 'map' | 'grid' | 'helper';
  readonly constants: Readonly<Record<string, TypedConstant>>;
  readonly uses: Readonly<Record<string, HelperDefinition>>;
  readonly returns: HelperResult;
  readonly locals: IrLocal[];
  readonly locate: Locate;
  /** Offset added by parsing; offsets in the IR count in the text of the function. */
  readonly shift: number;
  /** Members of the parameters object, by name. */
  readonly params: ReadonlyMap<string, Entity>;
  scope: Scope;
  /** Loops around the current statement. */
  loopDepth: number;
}

/** Names visible in one block. `undefined` marks a name whose declaration failed. */
export class Scope {
  private readonly names = new Map<string, Entity | undefined>();

  constructor(private readonly parent: Scope | null) {}

  declares(name: string): boolean {
    return this.names.has(name);
  }

  declare(name: string, entity: Entity | undefined): void {
    this.names.set(name, entity);
  }

  /** Undefined for an unknown name. */
  find(name: string): Entity | undefined {
    if (this.names.has(name)) {
      const entity = this.names.get(name);
      if (entity === undefined) throw new Poisoned();
      return entity;
    }
    return this.parent?.find(name);
  }
}

export function newLocal(f: FunctionState, name: string, type: DType): number {
  f.locals.push({ name, type });
  return f.locals.length - 1;
}
