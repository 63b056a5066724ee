/** What a silo process of the demo opens. */
export interface SiloProcessOptions {
  readonly siloId: string;
  readonly servers: string;
  readonly clusterId: string;
  /** Whether it opens devices: OpenCL where that is installed, and CPU workers. */
  readonly devices: boolean;
  readonly workers: number;
}

/** From the driver to a silo process. */
export type ToSilo = { readonly kind: 'start'; readonly options: SiloProcessOptions } | { readonly kind: 'stop' };

/** From a silo process to the driver. */
export type FromSilo =
  | { readonly kind: 'serving'; readonly address: string; readonly devices: readonly string[] }
  | { readonly kind: 'failed'; readonly reason: string };
