import type { GrainClass } from '@gpu-bridge/abstractions';

/** Gives back what it gets. */
class Echo {
  constructor(private readonly siloId: string) {}

  async echo(payload: Uint8Array): Promise<Uint8Array> {
    return payload;
  }

  async whereAmI(): Promise<string> {
    return this.siloId;
  }
}

export const echo: GrainClass<Echo> = {
  options: { type: 'echo', kind: 'keyed', placement: { director: 'least-loaded' } },
  create: ({ siloId }) => new Echo(siloId),
};

/** Subject of the bare responder. */
export const BARE_SUBJECT = 'bare.echo';
export const CLUSTER_ID = 'bench';
