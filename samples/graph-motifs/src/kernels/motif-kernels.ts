import { degrees } from './degrees.js';
import { directedCycles } from './directed-cycles.js';
import { sharedMiddles } from './shared-middles.js';
import { temporalFans } from './temporal-fans.js';
import { triangles, trianglesByNode } from './triangles.js';

/** Everything that a silo needs to count motifs; for the option `kernels`. */
export const motifKernels = [triangles, trianglesByNode, degrees, sharedMiddles, directedCycles, temporalFans] as const;
