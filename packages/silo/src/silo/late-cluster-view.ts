import { invariant } from '@gpu-bridge/abstractions';
import type { ClusterView, LostSilo, SiloStatus } from '@gpu-bridge/abstractions';

/**
 * What services that grains are made of see of the cluster. The silo is made of its grain classes, and they of such services:
 * so this is made first, and asks the silo once that is there.
 */
export class LateClusterView implements ClusterView {
  private silo: ClusterView | undefined;

  constructor(readonly siloId: string) {}

  attach(silo: ClusterView): void {
    this.silo = silo;
  }

  silos(): readonly SiloStatus[] {
    return this.attached.silos();
  }

  lost(): readonly LostSilo[] {
    return this.attached.lost();
  }

  private get attached(): ClusterView {
    invariant(this.silo !== undefined, 'nobody asks for the cluster before the silo was resolved');
    return this.silo;
  }
}
