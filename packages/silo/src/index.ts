export { siloModule } from './module.js';
export { PreferLocalPlacementDirector } from './placement/prefer-local-placement-director.js';
export { resolveSiloOptions } from './silo/silo-options.js';
export type { ResolvedSiloOptions, SiloOptions } from './silo/silo-options.js';
export { Silo } from './silo/silo.js';
export type { SiloInfo, SiloServices, SiloState } from './silo/silo.js';
