import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GpuPlacementDirector, GpuPlacementStrategy, SiloCandidate } from '@gpu-bridge/abstractions';
import { SeededRandom } from '@gpu-bridge/testkit';
import { TestPlacement, deviceOf, siloOf } from './silos.js';

const STEP_MS = 5;
const STEPS = 4_000;
const BEAT_STEPS = 1_000 / STEP_MS;
const SILOS = 8;
const LIMIT = 64;
const STRATEGY: GpuPlacementStrategy = { director: 'gpu' };
const TARGET = { type: 'gpu-batch', key: 'scale' };

/** What came of some seconds in which eight silos placed calls on eight silos with devices. */
export interface SimulatedPlacement {
  readonly placed: number;
  /** Calls that their silo refused because others had taken the last place. */
  readonly refused: number;
  /** Calls for which no silo seemed to have room. */
  readonly busy: number;
  readonly mostAccepted: number;
  /** The most loaded silo's lead over the mean, as a share of its limit, averaged over time. */
  readonly imbalance: number;
  /** How often a silo went from well above the mean to well below it, per silo and second. */
  readonly swings: number;
}

class DeviceSilo {
  /** Steps at which its calls end. */
  private ends: number[] = [];
  mostAccepted = 0;
  /** As all others see it. */
  told = 0;
  tells = 0;
  swings = 0;
  private wasHigh = false;

  constructor(private readonly firstBeat: number) {}

  get load(): number {
    return this.ends.length;
  }

  step(now: number): void {
    this.ends = this.ends.filter((end) => end > now);
    if (now % BEAT_STEPS !== this.firstBeat) return;
    this.told = this.load;
    this.tells++;
  }

  compare(mean: number): void {
    if (this.load > 1.5 * mean) this.wasHigh = true;
    else if (this.wasHigh && this.load < 0.5 * mean) {
      this.wasHigh = false;
      this.swings++;
    }
  }

  accept(end: number): boolean {
    if (this.load >= LIMIT) return false;
    this.ends.push(end);
    this.mostAccepted = Math.max(this.mostAccepted, this.load);
    return true;
  }
}

/** A silo that places calls, and sees the others as they were when they spoke last, and what it has placed there since. */
class Caller {
  readonly context: TestPlacement;
  private readonly own: number[][];
  private readonly ownThen: number[];
  private readonly heard: number[];

  constructor(
    private readonly silos: readonly DeviceSilo[],
    private readonly director: GpuPlacementDirector,
    seed: number,
  ) {
    this.context = new TestPlacement([], seed);
    this.own = silos.map(() => []);
    this.ownThen = silos.map(() => 0);
    this.heard = silos.map(() => 0);
  }

  step(now: number): void {
    this.silos.forEach((silo, i) => {
      this.own[i] = this.own[i]!.filter((end) => end > now);
      if (silo.tells === this.heard[i]) return;
      this.heard[i] = silo.tells;
      this.ownThen[i] = this.own[i].length;
    });
  }

  choose(): number | undefined {
    this.context.candidates = this.silos.map((silo, i) => this.candidate(silo, i));
    try {
      return Number(this.director.onAddActivation(STRATEGY, TARGET, this.context));
    } catch (error) {
      if (GpuBridgeError.is(error, 'SILO_BUSY')) return undefined;
      throw error;
    }
  }

  placed(silo: number, end: number): void {
    this.own[silo]!.push(end);
  }

  private candidate({ told }: DeviceSilo, i: number): SiloCandidate {
    const own = this.own[i]!.length;
    const placedCalls = Math.max(own, told + own - this.ownThen[i]!);
    const device = deviceOf({ queueUse: told / LIMIT / 2, utilisation: Math.min(1, told / 16) });
    return siloOf(String(i), [device], { placedCalls, placedCallLimit: LIMIT });
  }
}

/** @param callMs - what a call takes on average. */
export function simulatePlacement(
  seed: number,
  callMs: number,
  newDirector: () => GpuPlacementDirector,
): SimulatedPlacement {
  const random = new SeededRandom(seed);
  const silos = random.list(SILOS, () => new DeviceSilo(random.below(BEAT_STEPS)));
  const callers = random.list(SILOS, () => new Caller(silos, newDirector(), random.u32()));
  /** Calls a step makes; how busy each caller is changes every second, their sum is about 6/10 of what fits. */
  let rates: number[] = [];
  let placed = 0;
  let refused = 0;
  let busy = 0;
  let lead = 0;
  for (let now = 0; now < STEPS; now++) {
    if (now % BEAT_STEPS === 0) {
      const weights = callers.map(() => random.between(0, 1) ** 3);
      const sum = weights.reduce((a, b) => a + b);
      rates = weights.map((weight) => (weight / sum) * random.between(0.4, 0.8) * (SILOS * LIMIT) * (STEP_MS / callMs));
    }
    for (const silo of silos) silo.step(now);
    for (const caller of callers) caller.step(now);
    callers.forEach((caller, i) => {
      for (let due = rates[i]!; due > 0; due--) {
        if (random.between(0, 1) >= due) break;
        const end = now + Math.ceil(random.between(0.25 * callMs, 1.75 * callMs) / STEP_MS);
        const silo = caller.choose();
        if (silo === undefined) busy++;
        else if (silos[silo]!.accept(end)) {
          placed++;
          caller.placed(silo, end);
        } else refused++;
      }
    });
    const loads = silos.map(({ load }) => load);
    const mean = loads.reduce((a, b) => a + b) / SILOS;
    lead += (Math.max(...loads) - mean) / LIMIT;
    for (const silo of silos) silo.compare(mean);
  }
  const swings = silos.reduce((sum, silo) => sum + silo.swings, 0);
  return {
    placed,
    refused,
    busy,
    mostAccepted: Math.max(...silos.map(({ mostAccepted }) => mostAccepted)),
    imbalance: lead / STEPS,
    swings: swings / SILOS / ((STEPS * STEP_MS) / 1_000),
  };
}
