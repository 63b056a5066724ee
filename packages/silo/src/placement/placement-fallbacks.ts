import type { Clock, Logger } from '@gpu-bridge/abstractions';

/** A spell of fallbacks is over when so long there was none, ms. */
const SPELL_ENDS_AFTER_MS = 10_000;

/** Placements that gave less than was wanted: all are counted, the first of each spell is logged. */
export class PlacementFallbacks {
  count = 0;
  /** When the last one was, by grain type and what was wanted. */
  private readonly lastMs = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  add(grainType: string, wanted: string, chosen: string): void {
    this.count++;
    const key = `${grainType} ${wanted}`;
    const nowMs = this.clock.nowMs();
    const lastMs = this.lastMs.get(key);
    this.lastMs.set(key, nowMs);
    if (lastMs !== undefined && nowMs - lastMs < SPELL_ENDS_AFTER_MS) return;
    this.logger.warn(`no silo has ${wanted} to spare; grains of type ${grainType} go to one without`, {
      grainType,
      wanted,
      siloId: chosen,
    });
  }
}
