import type { DeviceCapacity } from '@gpu-bridge/abstractions';

/** The part of a member that placement looks at. */
export interface LiveMember {
  readonly address: string;
  readonly siloId: string;
  readonly generation: number;
  readonly state: 'joining' | 'active' | 'draining';
  readonly grainTypes: readonly string[];
  readonly devices: readonly DeviceCapacity[];
  readonly activations: number;
  readonly placedCalls: number;
  readonly placedCallLimit: number;
  readonly suspect: boolean;
}

/** The silos there are, the own one included. */
export interface LiveMembers {
  /** Of the own silo; another after a rejoin. */
  readonly address: string;
  /** The same array until something changes. */
  members(): readonly LiveMember[];
}
