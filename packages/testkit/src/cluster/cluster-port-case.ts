import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { ClusterPort, ErrorCode } from '@gpu-bridge/abstractions';
import { Unsupported } from '../driver/unsupported.js';
import { Endpoints } from './endpoints.js';

/** What an engine under test may be unable to show; its cases are then *unsupported*, with the reason given. */
export type ClusterFeature = 'disconnect' | 'restart';

/** One cluster, made for one case; it shares nothing with other clusters. */
export interface ClusterUnderTest {
  /** A port of its own connection, as another process would have it; not open yet. */
  createPort(): ClusterPort | Promise<ClusterPort>;
  /** Lets this much time pass for the engine, and whatever falls due within it happen. */
  elapse(ms: number): Promise<void>;
  /** Breaks the connection of one port, and resolves when the port knows. Needed unless `disconnect` is lacking. */
  disconnect?(port: ClusterPort): Promise<void>;
  /** Lets a port that was disconnected connect again; resolves at once. */
  reconnect?(port: ClusterPort): Promise<void>;
  /** Stops the engine, with its ports, and starts it with what it stored. Needed unless `restart` is lacking. */
  restart?(): Promise<void>;
  /** Ends the engine; every port that a case opened has been closed before. */
  close(): Promise<void>;
}

/** An engine whose ports are under test. */
export interface ClusterPortSubject {
  readonly name: string;
  readonly createCluster: () => ClusterUnderTest | Promise<ClusterUnderTest>;
  /** Features it has not, and why. */
  readonly lacks?: Partial<Record<ClusterFeature, string>>;
  /** Longest wait for anything, ms of real time; default 30,000. */
  readonly boundMs?: number;
}

/** What a case works with. */
export interface ClusterPortContext {
  readonly cluster: ClusterUnderTest;
  /** Opens a port of its own; closed when the case ends. */
  readonly open: () => Promise<ClusterPort>;
  /** Listens at an address and keeps what comes. */
  readonly endpoints: Endpoints;
  /** Waits until it holds. */
  readonly until: (what: string, holds: () => boolean | Promise<boolean>) => Promise<void>;
  /** Waits for a promise, no longer than the bound. */
  readonly within: <T>(what: string, promise: Promise<T>) => Promise<T>;
  /** @throws Unsupported unless the engine has the feature. */
  readonly need: (feature: ClusterFeature) => void;
}

/** How many bounds a case may take as a whole. */
export const CASE_BOUNDS = 4;

/** One sentence of behaviour, and how to see it. */
export interface ClusterPortCase {
  readonly name: string;
  run(context: ClusterPortContext): Promise<void>;
}

export type ClusterPortOutcome =
  { readonly outcome: 'pass' } | { readonly outcome: 'unsupported'; readonly reason: string };

/**
 * Runs one case on a cluster of its own.
 *
 * @returns `pass`, or `unsupported` as the subject declares.
 * @throws what the case found wrong.
 */
export async function runClusterPortCase(
  test: ClusterPortCase,
  subject: ClusterPortSubject,
): Promise<ClusterPortOutcome> {
  const cluster = await subject.createCluster();
  const ports: ClusterPort[] = [];
  const boundMs = subject.boundMs ?? 30_000;
  const until = waiting(boundMs);
  try {
    const running = test.run({
      cluster,
      open: async () => {
        const port = await cluster.createPort();
        ports.push(port);
        await port.open();
        return port;
      },
      endpoints: new Endpoints(until),
      until,
      within: (what, promise) => bounded(what, promise, boundMs),
      need: (feature) => {
        const reason = subject.lacks?.[feature];
        if (reason !== undefined) throw new Unsupported(`no ${feature}: ${reason}`);
      },
    });
    // Not every call has a bound of its own.
    await bounded('the case', running, CASE_BOUNDS * boundMs);
    return { outcome: 'pass' };
  } catch (error) {
    if (error instanceof Unsupported) return { outcome: 'unsupported', reason: error.message };
    throw error;
  } finally {
    // A port that fails to close may be what the case is about; the engine ends in any case.
    await Promise.allSettled(ports.map((port) => port.close()));
    await cluster.close();
  }
}

/** The promise rejects with this code. @returns the error. */
export async function expectCode<C extends ErrorCode>(
  what: string,
  code: C,
  promise: Promise<unknown>,
): Promise<GpuBridgeError<C>> {
  try {
    await promise;
  } catch (error) {
    assert.ok(GpuBridgeError.is(error, code), `${what}: rejected with ${String(error)}, expected ${code}`);
    return error;
  }
  assert.fail(`${what}: resolved, expected ${code}`);
}

/** The call throws this code. */
export function expectThrows(what: string, code: ErrorCode, call: () => unknown): void {
  try {
    call();
  } catch (error) {
    assert.ok(GpuBridgeError.is(error, code), `${what}: threw ${String(error)}, expected ${code}`);
    return;
  }
  assert.fail(`${what}: did not throw, expected ${code}`);
}

/** `text` as bytes; what the cases write. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

function waiting(boundMs: number): ClusterPortContext['until'] {
  return async (what, holds) => {
    const end = performance.now() + boundMs;
    while (!(await holds())) {
      if (performance.now() > end) assert.fail(`${what}: not within ${boundMs} ms`);
      await sleep(2);
    }
  };
}

function bounded<T>(what: string, promise: Promise<T>, boundMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `${what}: not within ${boundMs} ms` })),
      boundMs,
    );
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
