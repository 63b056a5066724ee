// Grains of the cluster tests, plain JavaScript because silo processes run them without a build.

/** Where turns of this process wait until the test lets them go on. */
class Gate {
  constructor() {
    this.isOpen = false;
    this.waiting = [];
    this.endings = [];
  }

  /** Open for good. */
  open() {
    this.isOpen = true;
    for (const go of this.waiting.splice(0)) go();
  }

  async passed() {
    if (!this.isOpen) await new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Passes on how a turn ended that was held here, and remembers it: its caller may never hear of it. */
  async observe(turn) {
    try {
      const result = await turn();
      this.endings.push('returned');
      return result;
    } catch (error) {
      this.endings.push(error.code ?? error.name);
      throw error;
    }
  }

  getInfo() {
    return { waiting: this.waiting.length, endings: this.endings };
  }
}
export const gate = new Gate();

/** Counts in storage: what it has answered must never be lost, and no two answers may be the same. */
class Counter {
  constructor(context) {
    this.context = context;
  }

  async add(amount) {
    const value = ((await this.context.storage.read()) ?? 0) + amount;
    await this.context.storage.write(value);
    return { value, siloId: this.context.siloId, fencingToken: this.context.fencingToken };
  }

  /** As `add`, but waits at the gate between reading and writing. */
  async heldAdd(amount) {
    const { siloId, fencingToken, storage } = this.context;
    const value = ((await storage.read()) ?? 0) + amount;
    await gate.passed();
    return gate.observe(async () => {
      await storage.write(value);
      return { value, siloId, fencingToken };
    });
  }

  async read() {
    return (await this.context.storage.read()) ?? 0;
  }
}

/** Answers, waits, streams and calls others. */
class Worker {
  constructor(context) {
    this.context = context;
    this.sleeping = 0;
  }

  async echo(value) {
    return value;
  }

  async whereAmI() {
    const { siloId, fencingToken, activationId } = this.context;
    return { siloId, fencingToken, activationId, pid: process.pid };
  }

  /** Where the call was when the gate opened. */
  async heldWhereAmI() {
    await gate.passed();
    return this.whereAmI();
  }

  /** As `heldWhereAmI`, for callers that do not want it to run twice. */
  async heldOnce() {
    return this.heldWhereAmI();
  }

  async request() {
    const { tenant, traceparent } = this.context.request;
    return { tenant, traceparent };
  }

  /** Until the call is given up. @returns how it ended. */
  async waitForAbort() {
    this.sleeping++;
    const { signal } = this.context.request;
    await new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', resolve, { once: true });
    });
    this.sleeping--;
    return 'aborted';
  }

  async sleepers() {
    return this.sleeping;
  }

  async fail(message) {
    throw new TypeError(message);
  }

  /** Numbers with ballast, as fast as they are asked for. */
  async *numbers(count, ballastBytes = 0) {
    this.streamed = 0;
    for (let i = 0; i < count; i++) {
      this.streamed = i + 1;
      yield { i, ballast: new Uint8Array(ballastBytes) };
    }
  }

  async streamedSoFar() {
    return this.streamed ?? 0;
  }

  async callOther(key, value) {
    return this.context.grainFactory.getGrain({ options: { type: 'worker' } }, key).echo(value);
  }
}

/** @returns the classes; bind each under `Tokens.GrainClass`. */
export function testGrains() {
  return [
    {
      options: { type: 'counter', kind: 'keyed', persistent: true, placement: { director: 'least-loaded' } },
      create: (context) => new Counter(context),
    },
    {
      options: {
        type: 'worker',
        kind: 'keyed',
        placement: { director: 'least-loaded' },
        interleaving: ['sleepers', 'streamedSoFar'],
        idempotent: ['echo', 'whereAmI', 'heldWhereAmI'],
      },
      create: (context) => new Worker(context),
    },
    {
      options: { type: 'pool', kind: 'stateless-worker', placement: { director: 'random' }, idempotent: 'all' },
      create: (context) => new Worker(context),
    },
  ];
}
