import { checkFields, checkInteger } from '@gpu-bridge/abstractions';
import type {
  Clock,
  ClusterView,
  GrainClass,
  GrainContext,
  GrainFactory,
  GrainOptions,
  GrainReference,
  GrainType,
  RequestContext,
  SiloStatus,
} from '@gpu-bridge/abstractions';
import { assess } from './cluster-health.js';
import type { ClusterHealth, SiloHealth } from './cluster-health.js';
import { SILO_DIAGNOSTICS_OPTIONS } from './silo-diagnostics-grain.js';
import type { SiloDiagnosticsGrain } from './silo-diagnostics-grain.js';

export interface ClusterHealthOptions {
  /** How long one silo has for its answer, ms, 10 … 60,000. Default 2,000. */
  readonly timeoutMs?: number;
}

const DIAGNOSTICS: GrainType<SiloDiagnosticsGrain> = { options: SILO_DIAGNOSTICS_OPTIONS };

/**
 * Answers for the whole cluster, from whichever silo it is asked on: every silo is asked, all at once and each with a deadline
 * of its own. One that does not answer is a line of the answer, and no error.
 */
export class GpuHealthGrain {
  constructor(
    private readonly cluster: ClusterView,
    private readonly clock: Clock,
    private readonly context: Pick<GrainContext, 'grainFactory' | 'request'>,
  ) {}

  /** @throws GpuBridgeError `INVALID_ARGUMENT` for a bad option; nothing because of what silos do or fail to do. */
  async getClusterHealth(options: ClusterHealthOptions = {}): Promise<ClusterHealth> {
    const timeoutNs = BigInt(checkedTimeoutMs(options)) * 1_000_000n;
    const { tenant, traceparent, tracestate } = this.context.request;
    const request: RequestContext = {
      ...(tenant === undefined ? {} : { tenant }),
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(tracestate === undefined ? {} : { tracestate }),
      deadlineNs: this.clock.nowNs() + timeoutNs,
    };
    const lost = this.cluster.lost().map(({ siloId, address, seenAgoMs, deadForMs, devices }): SiloHealth => ({
      ...{ siloId, address, state: 'unreachable', diagnostics: undefined, ageMs: seenAgoMs, devices },
      reason: `it has been dead for ${Math.round(deadForMs)} ms`,
    }));
    const live = await Promise.all(this.cluster.silos().map((silo) => this.ask(silo, request)));
    const silos = [...lost, ...live].sort((a, b) => (a.siloId < b.siloId ? -1 : 1));
    return { ...assess(silos), silos, takenAtMs: this.clock.wallMs() };
  }

  private async ask(silo: SiloStatus, request: RequestContext): Promise<SiloHealth> {
    const { siloId, address, state, seenAgoMs, devices } = silo;
    const known = { siloId, address, ageMs: seenAgoMs, devices };
    if (state === 'suspect')
      return { ...known, state: 'unreachable', diagnostics: undefined, reason: 'it is under suspicion' };
    if (state !== 'active') return { ...known, state, diagnostics: undefined, reason: `it is ${state}` };
    try {
      const diagnostics = await this.context.grainFactory.getGrain(DIAGNOSTICS, siloId, request).getDiagnostics();
      return { ...known, state, diagnostics, reason: undefined, ageMs: 0 };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { ...known, state: 'unreachable', diagnostics: undefined, reason };
    }
  }
}

function checkedTimeoutMs(options: ClusterHealthOptions): number {
  checkFields('options', options, ['timeoutMs']);
  return checkInteger('options.timeoutMs', options.timeoutMs ?? 2_000, 10, 60_000);
}

/** Where it is asked; it keeps nothing, so every silo has one. */
const OPTIONS = {
  type: 'gpu-health',
  kind: 'stateless-worker',
  maxLocal: 1,
  reentrant: true,
  idempotent: 'all',
} as const satisfies GrainOptions;

export function healthGrainClass(cluster: ClusterView, clock: Clock): GrainClass<GpuHealthGrain> {
  return { options: OPTIONS, create: (context) => new GpuHealthGrain(cluster, clock, context) };
}

/** @param request - what travels with every call: a trace, for example. */
export function getHealthGrain(factory: GrainFactory, request?: RequestContext): GrainReference<GpuHealthGrain> {
  const type: GrainType<GpuHealthGrain> = { options: OPTIONS };
  return factory.getGrain(type, 'cluster', request);
}
