import type { Hop, SiloSupervisor } from '@gpu-bridge/silo';
import type { SeededRandom } from '@gpu-bridge/testkit';
import { LEASE_MS } from './settings.js';
import { ENGINE } from './sim-network.js';
import type { SimSilo, SimSurroundings } from './sim-silo.js';

/** The silos that faults happen to, and how another process takes the place of one. */
export interface Victims {
  readonly silos: readonly SimSilo[];
  restart(silo: SimSilo): void;
  /** The silo is about to be frozen: gives it turns that are not done yet. */
  freezing(silo: SimSilo): void;
  /** The silo goes on after a freeze: what its callers do in that instant. */
  thawed(silo: SimSilo): void;
}

/** In so long a call has usually found its grain. */
const TURN_BEGINS_MS = 20;

/** What goes wrong: begun by chance, and ended by time or at the end. */
export class Faults {
  readonly happened: Record<string, number> = {};
  private readonly open = new Set<() => void>();
  private isOver = false;

  constructor(
    private readonly surroundings: SimSurroundings,
    private readonly victims: Victims,
    private readonly supervisor: SiloSupervisor,
  ) {}

  begin(): void {
    const { random } = this.surroundings;
    const there = this.victims.silos.filter(({ isThere, isFrozen }) => isThere && !isFrozen);
    const victim = there[random.below(there.length)];
    if (victim === undefined) return;
    const roll = random.below(100);
    if (roll < 25) this.freeze(victim);
    else if (roll < 42) this.kill(victim);
    else if (roll < 55) this.stop(victim);
    else if (this.open.size < 2) this.cut(victim, roll);
  }

  /** Nothing goes wrong any more. */
  end(): void {
    this.isOver = true;
    for (const end of [...this.open]) end();
    for (const silo of this.victims.silos) if (silo.isFrozen) this.thaw(silo);
  }

  private cut(victim: SimSilo, roll: number): void {
    const { random } = this.surroundings;
    if (roll < 62) this.rule('engineStalls', isOfEngine, 'hold');
    else if (roll < 68) this.rule('engineGone', isOfEngine, 'lose');
    else if (roll < 76) this.rule('cutOff', (hop) => isOf(hop, victim.portId), 'lose');
    else if (roll < 82) this.rule('cutOffFromEngine', (hop) => isOfEngine(hop) && isOf(hop, victim.portId), 'lose');
    else if (roll < 88) this.disconnect(victim);
    else {
      const others = this.victims.silos.filter((silo) => silo !== victim);
      const other = others[random.below(others.length)]!.portId;
      const isBetween = (hop: Hop): boolean => hop.kind === 'message' && isOf(hop, victim.portId) && isOf(hop, other);
      this.rule('partition', isBetween, 'lose');
    }
  }

  private freeze(victim: SimSilo): void {
    const { random, clock } = this.surroundings;
    this.count('freeze');
    const forMs = random.below(2) === 0 ? random.below(LEASE_MS) : LEASE_MS + random.below(LEASE_MS);
    this.victims.freezing(victim);
    clock.schedule(() => {
      if (!this.isOver && victim.isThere) victim.freeze();
    }, TURN_BEGINS_MS);
    clock.schedule(() => {
      if (victim.isFrozen) this.thaw(victim);
    }, TURN_BEGINS_MS + forMs);
  }

  private thaw(victim: SimSilo): void {
    victim.isFrozen = false;
    this.victims.thawed(victim);
    victim.thaw();
  }

  private kill(victim: SimSilo): void {
    const { random } = this.surroundings;
    this.count('kill');
    const { address } = victim;
    victim.die(random.below(2) === 0);
    if (address !== undefined && random.below(2) === 0) void this.supervisor.reportExit(address);
    this.restartSoon(victim);
  }

  private stop(victim: SimSilo): void {
    if (victim.state !== 'live') return;
    this.count('stop');
    void victim.stop();
    this.restartSoon(victim);
  }

  private restartSoon(victim: SimSilo): void {
    const { random, clock } = this.surroundings;
    clock.schedule(() => this.victims.restart(victim), random.below(LEASE_MS));
  }

  private disconnect({ port }: SimSilo): void {
    this.count('disconnect');
    port.disconnect();
    this.endLater(() => port.reconnect());
  }

  private rule(what: string, applies: (hop: Hop) => boolean, fate: 'hold' | 'lose'): void {
    this.count(what);
    const rule = this.surroundings.network.add((hop) => (applies(hop) ? fate : 'pass'));
    this.endLater(() => rule[Symbol.dispose]());
  }

  private endLater(end: () => void): void {
    const { clock, random } = this.surroundings;
    const endOnce = (): void => {
      if (this.open.delete(endOnce)) end();
    };
    this.open.add(endOnce);
    clock.schedule(endOnce, spanMs(random));
  }

  private count(what: string): void {
    this.happened[what] = (this.happened[what] ?? 0) + 1;
  }
}

/** Shorter than it takes a silo to be fenced, between that and the end of its lease, or longer. */
function spanMs(random: SeededRandom): number {
  return random.below(3) === 0 ? 2_000 + random.below(2 * LEASE_MS) : random.below(2_000);
}

function isOf({ from, to }: Hop, portId: string): boolean {
  return from === portId || to === portId;
}

function isOfEngine(hop: Hop): boolean {
  return isOf(hop, ENGINE);
}
