import type { DeviceDescription, GrainFactory } from '@gpu-bridge/abstractions';

/** What the demo runs on, started. */
export interface DemoHost {
  readonly grainFactory: GrainFactory;
  /** Devices of this process; elsewhere only their ids are known. */
  readonly devices: readonly DeviceDescription[];
  /** The silo processes, and the ids of their devices. */
  readonly silos: readonly { readonly siloId: string; readonly devices: readonly string[] }[];
  /** Lets everything finish what it has accepted, and ends it. */
  stop(): Promise<void>;
}
