import type { KernelDefinition } from '../../index.js';
import type { Arguments } from '../argument-block.js';
import { gridProgram } from './grid-program.js';
import { mapProgram } from './map-program.js';
import { Picks } from './tree.js';
import type { ProgramTree } from './tree.js';

export interface RandomProgram {
  /** Sources of the helpers and the kernel. */
  readonly text: string;
  readonly definition: KernelDefinition;
  readonly args: Arguments;
  /** Float operations on the longest way to a result; what `default` precision may differ by grows with it. */
  readonly tolerance: number;
}

/** The program a tree stands for. @param name - of the kernel. */
export function randomProgram(tree: ProgramTree, name: string): RandomProgram {
  const p = new Picks(tree.shape);
  const precision = p.below(5) === 4 ? 'default' : 'strict';
  const kind = p.below(8);
  const shape = { ...tree, shape: p.below(2 ** 20) };
  if (kind < 2) return mapProgram(shape, precision, name);
  return gridProgram(shape, precision, name, kind >= 4, kind === 3 || kind >= 6);
}
