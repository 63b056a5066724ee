import type { GpuDiagnostics, GrainClass, GrainOptions, SiloDiagnostics } from '@gpu-bridge/abstractions';

/** What the silo that its key names says about itself. */
export class SiloDiagnosticsGrain {
  constructor(private readonly diagnostics: GpuDiagnostics) {}

  async getDiagnostics(): Promise<SiloDiagnostics> {
    return this.diagnostics.snapshot();
  }
}

/** A silo alone answers for no other name either. */
export const SILO_DIAGNOSTICS_OPTIONS = {
  type: 'gpu-silo-diagnostics',
  kind: 'stateless-worker',
  maxLocal: 1,
  reentrant: true,
  idempotent: 'all',
  placement: { director: 'named-silo', fallback: 'refuse' },
} as const satisfies GrainOptions;

export function siloDiagnosticsGrainClass(diagnostics: GpuDiagnostics): GrainClass<SiloDiagnosticsGrain> {
  return { options: SILO_DIAGNOSTICS_OPTIONS, create: () => new SiloDiagnosticsGrain(diagnostics) };
}
