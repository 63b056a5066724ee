export {
  HostState,
  LINE_BYTES,
  Mode,
  Op,
  REGION_MAGIC,
  RING_ABI_VERSION,
  RING_MAGIC,
  Status,
  createCqe,
  createSqe,
} from './generated/ring-abi.js';
export type { Cqe, Sqe } from './generated/ring-abi.js';
export { RingMemory, ringSizeBytes } from './ring/ring-memory.js';
export type { RingSignals } from './ring/ring-memory.js';
export { ExecutorEnd, SiloEnd } from './ring/queues.js';
/** Every constant and word offset of the ring, for code that prints programs in other languages. */
export * as ringAbi from './generated/ring-abi.js';
