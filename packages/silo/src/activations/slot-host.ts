import type { Clock, GpuBridgeError, GrainFactory, Logger } from '@gpu-bridge/abstractions';
import type { ActivationServices } from './activation-services.js';
import type { FilterCall } from './call-filters.js';
import type { CallLimits } from './call-limits.js';
import type { GrainSlot } from './grain-slot.js';

/** What the slots of a silo share. */
export interface SlotHost extends GrainFactory {
  readonly siloId: string;
  readonly state: 'created' | 'started' | 'draining' | 'stopped';
  readonly callQueueLimit: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly callLimits: CallLimits;
  readonly activationServices: ActivationServices;
  /** Around the turns of calls; undefined without filters. */
  readonly incomingFilter: FilterCall | undefined;
  /** Asked before every turn of a keyed grain: whether this silo still has a right to its grains. */
  mayRunKeyed(): boolean;
  nextActivationId(): string;
  /** The error of calls that are not accepted in the present state. */
  refusal(): GpuBridgeError;
  /** What a call rejects with that did not run and may run elsewhere. */
  refuse(reason: GpuBridgeError): Error;
  /** The slot has an activation; the silo must keep it. */
  occupied(slot: GrainSlot): void;
  /** The slot has neither activations nor calls. */
  vacated(slot: GrainSlot): void;
}
