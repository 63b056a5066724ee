import type { Clock } from '@gpu-bridge/abstractions';
import { ENGINE } from '../cluster/network.js';
import type { Hop, Network, Passage } from '../cluster/network.js';

type Fate = 'pass' | 'lose' | 'hold';

/** A network whose faults a test chooses. Hops that are held pass in their order as soon as nothing holds them any more. */
export class FaultNetwork implements Network {
  /** How long a hop takes before the rules see it; undefined: no time at all. */
  delayMs: ((hop: Hop) => number) | undefined;

  private readonly rules = new Set<(hop: Hop) => Fate>();
  private held: { readonly hop: Hop; readonly passage: Passage }[] = [];

  constructor(private readonly clock: Clock) {}

  transmit(hop: Hop, passage: Passage): void {
    if (this.delayMs === undefined) this.reach(hop, passage);
    else this.clock.schedule(() => this.reach(hop, passage), this.delayMs(hop));
  }

  /** Applies to whatever travels from now on, until it is disposed. The first rule that does not let a hop pass wins. */
  add(rule: (hop: Hop) => Fate): Disposable {
    this.rules.add(rule);
    return {
      [Symbol.dispose]: () => {
        this.rules.delete(rule);
        const held = this.held;
        this.held = [];
        for (const { hop, passage } of held) this.reach(hop, passage);
      },
    };
  }

  /** The engine is gone: nothing comes through. */
  engineGone(): Disposable {
    return this.add((hop) => (hop.from === ENGINE || hop.to === ENGINE ? 'lose' : 'pass'));
  }

  /** The engine hangs: everything comes through later. */
  engineStalls(): Disposable {
    return this.add((hop) => (hop.from === ENGINE || hop.to === ENGINE ? 'hold' : 'pass'));
  }

  /** One port reaches nobody. */
  cut(portId: string): Disposable {
    return this.add((hop) => (hop.from === portId || hop.to === portId ? 'lose' : 'pass'));
  }

  /** What is sent to a stopped process waits for it. */
  holdFor(portId: string): Disposable {
    return this.add((hop) => (hop.to === portId ? 'hold' : 'pass'));
  }

  /** The next so many requests of a port take effect unanswered. */
  loseAnswers(portId: string, request: RegExp, count = 1): Disposable {
    let left = count;
    return this.add((hop) => {
      if (hop.kind !== 'answer' || hop.to !== portId || !request.test(hop.what) || left === 0) return 'pass';
      left--;
      return 'lose';
    });
  }

  /** Requests are heard late: until it is disposed, they wait on their way to the engine. */
  delayRequests(portId: string, request: RegExp): Disposable {
    return this.add((hop) =>
      hop.kind === 'request' && hop.from === portId && request.test(hop.what) ? 'hold' : 'pass',
    );
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
    for (const rule of this.rules) {
      const fate = rule(hop);
      if (fate !== 'pass') return fate;
    }
    return 'pass';
  }
}
