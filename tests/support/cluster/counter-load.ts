import { setTimeout as pause } from 'node:timers/promises';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ErrorCode } from '@gpu-bridge/abstractions';
import { expect } from 'vitest';
import { eventually } from './test-cluster.js';
import type { CounterAnswer, TestCluster } from './test-cluster.js';

/** What became of one call: an answer, or an error after which it may have run, or one after which it has not. */
type Outcome = { readonly answer: CounterAnswer } | { readonly code: ErrorCode; readonly mayHaveRun: boolean };

/** A turn whose silo dies or is fenced, or whose write is not answered, may have written. */
const MAY_HAVE_RUN = new Set<ErrorCode>(['OUTCOME_UNKNOWN', 'LEASE_FENCED', 'CLUSTER_UNAVAILABLE']);
const DID_NOT_RUN = new Set<ErrorCode>(['SILO_UNREACHABLE', 'SILO_BUSY', 'GRAIN_MOVED', 'DRAINING']);
/** Of an adder between two calls; a load, not a flood. */
const GAP_MS = 20;

/** Counts many keys up from the test's own process, one call after the other per key, and remembers every outcome. */
export class CounterLoad implements Disposable {
  private readonly outcomes = new Map<string, Outcome[]>();
  private readonly failures: unknown[] = [];
  private readonly done: Promise<unknown>;
  private isStopped = false;

  constructor(
    private readonly cluster: TestCluster,
    keys = 24,
  ) {
    for (let n = 0; n < keys; n++) this.outcomes.set(`load-${n}`, []);
    this.done = Promise.all([...this.outcomes].map(([key, outcomes]) => this.run(key, outcomes)));
  }

  /** How calls failed, over all keys. */
  get errors(): readonly ErrorCode[] {
    return [...this.outcomes.values()].flatMap((each) => each.flatMap((one) => ('code' in one ? [one.code] : [])));
  }

  /** Silos that answered last, one for each key. */
  get hosts(): ReadonlySet<string> {
    return new Set([...this.outcomes.values()].map((each) => answersOf(each).at(-1)?.siloId ?? ''));
  }

  /** Waits until every key was answered `count` times from now on. */
  async progress(what: string, count = 3): Promise<void> {
    const before = new Map([...this.outcomes].map(([key, each]) => [key, answersOf(each).length]));
    const behind = (): string[] =>
      [...this.outcomes].flatMap(([key, each]) => (answersOf(each).length < before.get(key)! + count ? [key] : []));
    try {
      await eventually(() => {
        if (this.failures.length > 0) throw this.failures[0];
        return behind().length === 0;
      }, `every key answers ${what}`);
    } catch (error) {
      throw new Error(`waiting for ${behind().join(', ')}`, { cause: error });
    }
  }

  /** Ends the load and checks what it was told, and what the counters hold now. */
  async stopAndCheck(): Promise<void> {
    this.isStopped = true;
    await this.done;
    expect(this.failures).toEqual([]);
    const holders = new Map<number, string>();
    for (const [key, outcomes] of this.outcomes) {
      const bounds = checkValues(key, outcomes);
      const held = await this.cluster.counter(key).read();
      expect(held, `${key} has lost what it answered`).toBeGreaterThanOrEqual(bounds.low);
      expect(held, `${key} counts what nobody added`).toBeLessThanOrEqual(bounds.high);
      checkTokens(key, answersOf(outcomes), holders);
    }
  }

  [Symbol.dispose](): void {
    this.isStopped = true;
  }

  private async run(key: string, outcomes: Outcome[]): Promise<void> {
    const counter = this.cluster.counter(key);
    while (!this.isStopped) {
      try {
        outcomes.push({ answer: await counter.add(1) });
      } catch (error) {
        const code = GpuBridgeError.is(error) ? error.code : undefined;
        if (code === undefined || !(MAY_HAVE_RUN.has(code) || DID_NOT_RUN.has(code))) {
          this.failures.push(error);
          return;
        }
        outcomes.push({ code, mayHaveRun: MAY_HAVE_RUN.has(code) });
      }
      await pause(GAP_MS);
    }
  }
}

function answersOf(outcomes: readonly Outcome[]): CounterAnswer[] {
  return outcomes.flatMap((outcome) => ('answer' in outcome ? [outcome.answer] : []));
}

/** Nothing acknowledged is lost, and nothing counted twice. @returns what the counter may hold after the last call. */
function checkValues(key: string, outcomes: readonly Outcome[]): { readonly low: number; readonly high: number } {
  let [low, high] = [0, 0];
  for (const outcome of outcomes) {
    if ('answer' in outcome) {
      const { value } = outcome.answer;
      expect(value, `${key} answered what it had answered before`).toBeGreaterThan(low);
      expect(value, `${key} counts what nobody added`).toBeLessThanOrEqual(high + 1);
      low = high = value;
    } else if (outcome.mayHaveRun) high++;
  }
  return { low, high };
}

/** A token is one activation's, and the next one's is higher. @param holders - by token, over all keys. */
function checkTokens(key: string, answers: readonly CounterAnswer[], holders: Map<number, string>): void {
  let last = 0;
  for (const { fencingToken, siloId } of answers) {
    expect(fencingToken, `${key} answered under a token that was taken over`).toBeGreaterThanOrEqual(last);
    last = fencingToken;
    const holder = `${key} on ${siloId}`;
    expect(holders.get(fencingToken) ?? holder, `token ${fencingToken} has two holders`).toBe(holder);
    holders.set(fencingToken, holder);
  }
}
