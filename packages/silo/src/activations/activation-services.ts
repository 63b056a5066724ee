import type { GrainClass, GrainId, GrainReminders, GrainStorage } from '@gpu-bridge/abstractions';

/** What a keyed grain has of the cluster while it is active. */
export interface OpenedActivation {
  readonly fencingToken: number;
  /** Of a `persistent` class, where something keeps its state. */
  readonly storage?: GrainStorage;
  /** Where something keeps them. */
  readonly reminders?: GrainReminders;
  /**
   * The address of the silo that the grain can move to.
   *
   * @param siloId - Default: a director chooses.
   * @throws GpuBridgeError when there is none, or not that one.
   */
  chooseSuccessor?(siloId: string | undefined): string;
  /**
   * Called when the activation is over, its `onDeactivate` included.
   *
   * @param successor - address of the silo that has the grain from now on; default: whichever claims it next.
   */
  release?(successor?: string): Promise<void>;
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
