import { blocksOfVector } from './walk-vector.js';
import type { VStmt } from './vector-form.js';

/** Puts code into a block that its `leave` statements lead out of, where it has any that do not stand at its end. */
export function closeBlock(out: VStmt[], label: number, code: readonly VStmt[]): void {
  const last = code.at(-1);
  const body = last?.op === 'leave' && last.label === label ? code.slice(0, -1) : code;
  if (leaves(body, label)) out.push({ op: 'block', label, body });
  else out.push(...body);
}

function leaves(code: readonly VStmt[], label: number): boolean {
  return code.some(
    (stmt) =>
      (stmt.op === 'leave' && stmt.label === label) || blocksOfVector(stmt).some((block) => leaves(block, label)),
  );
}
