import type { GrainClass, GrainId, GrainReminders, GrainStorage } from '@gpu-bridge/abstractions';

/** What a keyed grain has of the cluster while it is active. */
export interface OpenedActivation {
  readonly fencingToken: number;
  /** Of a `persistent` class, where something keeps its state. */
  readonly storage?: GrainStorage;
  /** Where something keeps them. */
  readonly reminders?: GrainReminders;
  /** Called when the activation is over, its `onDeactivate` included. */
  release?(): Promise<void>;
}

/** Gives keyed grains their right to be active. */
export interface ActivationServices {
  /** Called before the grain is made; throwing fails the calls that wait for it. May answer at once. */
  open(id: GrainId, grainClass: GrainClass): Promise<OpenedActivation> | OpenedActivation;
}

/** Of a silo alone: nobody else can have the grain, and nothing keeps anything. */
export class LocalActivationServices implements ActivationServices {
  private activations = 0;

  open(): OpenedActivation {
    return { fencingToken: ++this.activations };
  }
}
