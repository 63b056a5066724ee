/** Stages of a silo's life, started in rising and stopped in falling order. Devices open before grains activate. */
export const LifecycleStage = {
  /** The cluster is reachable, and this silo a member that serves nothing yet. */
  Cluster: 2_000,
  /** Kernels compile, devices open, executors start. */
  Devices: 4_000,
  /** What jobs are recorded in is open, until the last one has ended. */
  Audit: 5_000,
  /** Broker accepts jobs. */
  Broker: 6_000,
  /** Datasets are published and opened. */
  Datasets: 8_000,
  /** Grains may activate. */
  Grains: 20_000,
} as const;

/** Something started and stopped with the silo. */
export interface LifecycleParticipant {
  readonly name: string;
  readonly stage: number;
  /** A failure stops what was already started, in reverse, and is thrown to the host. */
  start(): Promise<void>;
  /** Finishes what was accepted, then releases everything. Called only after a `start` that succeeded. */
  stop(): Promise<void>;
}
