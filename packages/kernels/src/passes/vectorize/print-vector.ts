import type { ArrayRef, Expr } from '../../ir/nodes.js';
import type { Mask, VExpr, VStmt, VectorBody } from './vector-form.js';

/** The vector form as text, for tests and for looking at it. Varying variables carry a `'`. */
export function printVector({ vars, body }: VectorBody): string {
  const name = (id: number): string => {
    const found = vars[id];
    return found === undefined ? `?${id}` : `${found.name}${id}${found.varying ? "'" : ''}`;
  };
  const expr = (e: VExpr): string => {
    switch (e.op) {
      case 'leaf':
        return leaf(e.expr);
      case 'first':
        return `${e.of}0`;
      case 'var':
        return name(e.id);
      case 'lanes':
        return `lanes(${expr(e.first)})`;
      case 'splat':
        return `splat(${expr(e.value)})`;
      case 'unary':
        return `${e.operator}(${expr(e.value)})`;
      case 'binary':
      case 'mask':
        return `${e.operator}(${expr(e.left)}, ${expr(e.right)})`;
      case 'select':
        return `select(${expr(e.condition)}, ${expr(e.whenTrue)}, ${expr(e.whenFalse)})`;
      case 'keep':
        return `keep(${expr(e.mask)}, ${expr(e.value)})`;
      case 'cast':
      case 'bitcast':
        return `${e.type}(${expr(e.value)})`;
      case 'lane0':
        return `lane0(${expr(e.value)})`;
      case 'any':
        return `any(${expr(e.mask)})`;
    }
  };
  const on = (mask: Mask): string => (mask === null ? '' : ` if ${expr(mask)}`);
  const block = (stmts: readonly VStmt[], indent: string): string => stmts.map((s) => stmt(s, indent)).join('');
  const stmt = (s: VStmt, indent: string): string => {
    const inner = `${indent}  `;
    switch (s.op) {
      case 'set':
        return `${indent}${name(s.id)} = ${expr(s.value)}\n`;
      case 'setGroup':
        return `${indent}group${s.local} = ${expr(s.value)}\n`;
      case 'load':
        return `${indent}${name(s.id)} = ${s.access} ${arrayName(s.array)}[${expr(s.index)}]${s.check ? '?' : ''}${on(s.mask)}\n`;
      case 'store': {
        const target = `${s.access} ${arrayName(s.array)}[${expr(s.index)}]${s.check ? '?' : ''}`;
        return `${indent}${target} ${s.operator ?? ''}= ${expr(s.value)}${on(s.mask)}\n`;
      }
      case 'loadItem':
        return `${indent}${name(s.id)} = item column${s.slot}\n`;
      case 'storeItem':
        return `${indent}item column${s.slot} = ${expr(s.value)}${on(s.mask)}\n`;
      case 'loadSpill':
        return `${indent}${name(s.id)} = spill${s.local}\n`;
      case 'storeSpill':
        return `${indent}spill${s.local} = ${expr(s.value)}\n`;
      case 'atomic': {
        const operands = [s.index, s.expected, s.value].flatMap((e) => (e === null ? [] : [expr(e)]));
        const target = s.id === null ? '' : `${name(s.id)} = `;
        return `${indent}${target}atomic ${s.operator} ${arrayName(s.array)}(${operands.join(', ')})${s.check ? '?' : ''}${on(s.mask)}\n`;
      }
      case 'if': {
        const otherwise = s.else.length > 0 ? `${indent}else\n${block(s.else, inner)}` : '';
        return `${indent}if ${expr(s.condition)}\n${block(s.then, inner)}${otherwise}`;
      }
      case 'loop':
        return `${indent}loop\n${block(s.body, inner)}`;
      case 'block':
        return `${indent}block ${s.label}\n${block(s.body, inner)}`;
      case 'leave':
        return `${indent}leave ${s.label}${s.when === null ? '' : ` if ${expr(s.when)}`}\n`;
    }
  };
  return block(body, '');
}

function arrayName(array: ArrayRef): string {
  if (array.kind === 'shared') return `shared${array.shared}`;
  return array.kind === 'arg' ? `arg${array.arg}` : `column${array.slot}`;
}

function leaf(e: Expr): string {
  if (e.op === 'literal') return String(e.value);
  if (e.op === 'uniform') return `uniform${e.slot}`;
  if (e.op === 'length') return 'slot' in e.of ? `length${e.of.slot}` : 'length';
  if (e.op === 'id') return `${e.which}.${e.axis}`;
  return e.op === 'local' ? `group${e.local}` : e.op;
}
