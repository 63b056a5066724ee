import { LifecycleStage } from '@gpu-bridge/abstractions';
import type { LifecycleParticipant } from '@gpu-bridge/abstractions';
import type { LocalDatasetStore } from '../datasets/local-dataset-store.js';

/** The datasets' place in the lifecycle: they come after the broker and go before it, which finishes the jobs that read them. */
export class DatasetService implements LifecycleParticipant {
  readonly name = 'datasets';
  readonly stage = LifecycleStage.Datasets;

  constructor(private readonly store: LocalDatasetStore) {}

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return this.store.stop();
  }
}
