// Grains of the cluster tests, plain JavaScript because silo processes run them without a build.

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
        idempotent: ['echo', 'whereAmI'],
      },
      create: (context) => new Worker(context),
    },
    {
      options: { type: 'pool', kind: 'stateless-worker', placement: { director: 'random' }, idempotent: 'all' },
      create: (context) => new Worker(context),
    },
  ];
}
