import type { Clock } from '@gpu-bridge/abstractions';
import type { Hop, Network, Passage } from '@gpu-bridge/silo';
import type { SeededRandom } from '@gpu-bridge/testkit';

type Fate = 'pass' | 'lose' | 'hold';
type Rule = (hop: Hop) => Fate;

export const ENGINE = 'engine';
/** Port of the simulation itself: nothing happens to what it hears. */
export const OBSERVER = 'observer';

/** The network of a seed: every hop takes its time, so that requests overtake each other, and some are lost. */
export class SimNetwork implements Network {
  /** Of the hops, so that two runs can be compared. */
  traceHash = 0;

  private readonly rules = new Set<Rule>();
  private readonly gone = new Set<string>();
  private readonly frozen = new Set<string>();
  private lossPerMille = 0;
  private isCalm = true;
  private held: { readonly hop: Hop; readonly passage: Passage }[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly random: SeededRandom,
  ) {}

  transmit(hop: Hop, passage: Passage): void {
    if (hop.from === OBSERVER || hop.to === OBSERVER) return passage.arrive();
    if (this.gone.has(hop.from)) return passage.lose();
    if (this.frozen.has(hop.from)) return void this.held.push({ hop, passage });
    const delayMs = this.drawDelayMs();
    const isLost = this.lossPerMille > 0 && this.random.below(1_000) < this.lossPerMille;
    this.trace(hop, delayMs);
    this.clock.schedule(() => (isLost ? passage.lose() : this.reach(hop, passage)), delayMs);
  }

  /** From now on some hops take very long, and so many of a thousand are lost. */
  disturb(lossPerMille: number): void {
    this.isCalm = false;
    this.lossPerMille = lossPerMille;
  }

  calm(): void {
    this.isCalm = true;
    this.lossPerMille = 0;
  }

  /** Applies to whatever arrives from now on, until it is disposed. The first rule that does not let a hop pass wins. */
  add(rule: Rule): Disposable {
    this.rules.add(rule);
    return {
      [Symbol.dispose]: () => {
        this.rules.delete(rule);
        this.letGo();
      },
    };
  }

  /** The process of the port is gone, and whatever is sent to it. */
  remove(portId: string): void {
    this.gone.add(portId);
    this.frozen.delete(portId);
    this.letGo();
  }

  /** The process of the port is stopped: it sends nothing, and what is sent to it waits. */
  freeze(portId: string): void {
    this.frozen.add(portId);
  }

  thaw(portId: string): void {
    this.frozen.delete(portId);
    this.letGo();
  }

  private letGo(): void {
    const { held } = this;
    this.held = [];
    for (const { hop, passage } of held) this.reach(hop, passage);
  }

  private reach(hop: Hop, passage: Passage): void {
    switch (this.fateOf(hop)) {
      case 'pass':
        return passage.arrive();
      case 'lose':
        return passage.lose();
      case 'hold':
        this.held.push({ hop, passage });
    }
  }

  private fateOf(hop: Hop): Fate {
    if (this.gone.has(hop.to)) return 'lose';
    if (this.frozen.has(hop.to)) return 'hold';
    for (const rule of this.rules) {
      const fate = rule(hop);
      if (fate !== 'pass') return fate;
    }
    return 'pass';
  }

  /** In whole milliseconds, most of them few, so that much is due at the same time; a few come very late. */
  private drawDelayMs(): number {
    const roll = this.random.below(100);
    if (roll < 70) return 1;
    return this.isCalm || roll < 97 ? 1 + this.random.below(12) : 50 + this.random.below(400);
  }

  private trace({ kind, from, to }: Hop, delayMs: number): void {
    for (const part of [kind, from, to]) {
      for (let i = 0; i < part.length; i++) this.traceHash = (Math.imul(this.traceHash, 31) + part.charCodeAt(i)) | 0;
    }
    this.traceHash = (Math.imul(this.traceHash, 31) + delayMs) | 0;
  }
}
