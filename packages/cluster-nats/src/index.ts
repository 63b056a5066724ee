export { NatsClusterPort } from './port/nats-cluster-port.js';
export { resolveNatsClusterOptions } from './port/nats-cluster-options.js';
export type { NatsClusterOptions, NatsTlsOptions, ResolvedNatsClusterOptions } from './port/nats-cluster-options.js';
