import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Op, Status, createCqe, createSqe } from '@gpu-bridge/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { findBinaries } from '../binaries/find-binaries.js';
import { DeviceRegion } from '../region/device-region.js';
import { loadAddon } from './load-addon.js';
import type { NativeAddon, NativeRegion } from './native-addon.js';

const binaries = findBinaries();
const addonPath = 'missing' in binaries ? undefined : binaries.addonPath;
/** Answers every entry of ring 0; npm run test:native builds it. */
const echo = addonPath === undefined ? undefined : join(dirname(addonPath), 'echo-executor');
const isCi = process.env.CI === 'true';
const run = promisify(execFile);

function openAddon(): NativeAddon {
  if (addonPath === undefined) throw new Error('native/ has not been built');
  return loadAddon(addonPath, 'opencl');
}

describe.skipIf(addonPath === undefined && !isCi)('the addon', () => {
  const regions: NativeRegion[] = [];
  afterEach(() => {
    for (const region of regions.splice(0)) region.close();
  });
  function createRegion(bytes = 65_536): NativeRegion {
    const region = openAddon().createRegion(bytes);
    regions.push(region);
    return region;
  }
  /** Holds the process, which a wait alone does not. */
  async function held<T>(wait: Promise<T>): Promise<T> {
    const timer = setInterval(() => undefined, 60_000);
    return wait.finally(() => clearInterval(timer));
  }

  it('makes zeroed memory of exactly so many bytes', () => {
    const region = createRegion();
    expect(region.fd).toBeGreaterThan(2);
    expect(region.memory).toBeInstanceOf(ArrayBuffer);
    expect(region.memory.byteLength).toBe(65_536);
    expect(new Uint8Array(region.memory).every((byte) => byte === 0)).toBe(true);
  });

  it.each([0, -4096, 1, 4097, 2 ** 32, 2 ** 53, NaN, Infinity, '4096', undefined, {}])(
    'refuses a region of %s bytes',
    (bytes) => {
      expect(() => openAddon().createRegion(bytes as number)).toThrow(RangeError);
    },
  );

  it.each([-4, 2, 65_536, 65_534, 2 ** 40, NaN, '0', undefined])('refuses a word at %s', async (word) => {
    const region = createRegion();
    expect(() => region.ring(word as number)).toThrow(RangeError);
    expect(() => region.notify(word as number)).toThrow(RangeError);
    expect(() => region.wait(word as number, 0, 0)).toThrow(RangeError);
    expect(() => void region.waitAsync(word as number, 0)).toThrow(RangeError);
  });

  it('refuses waits without numbers, and methods without their region', () => {
    const region = createRegion();
    expect(() => region.wait(0, undefined as unknown as number, 1)).toThrow(TypeError);
    expect(() => void region.waitAsync(0, 'x' as unknown as number)).toThrow(TypeError);
    const impostor = Object.create(Object.getPrototypeOf(region) as object) as NativeRegion;
    expect(() => impostor.ring(0)).toThrow();
  });

  it('resolves a wait when the bell is rung, changed, notified or closed, and at once when it has rung before', async () => {
    const region = createRegion();
    const words = new Int32Array(region.memory);
    const rung = region.waitAsync(64, 0);
    region.ring(64);
    await held(rung);
    expect(words[16]).toBe(1);

    const changed = region.waitAsync(64, 1);
    Atomics.store(words, 16, -5); // As a kernel on a device, which can wake nobody.
    await held(changed);
    await held(region.waitAsync(64, 7));

    const notified = region.waitAsync(64, -5);
    region.notify(64);
    await held(notified);
    const [one, other] = [region.waitAsync(64, -5), region.waitAsync(128, 0)];
    region.close();
    await held(Promise.all([one, other]));
    await held(region.waitAsync(64, -5));
    region.close();
  });

  it('blocks a thread until the bell has another value or the time is over', () => {
    const region = createRegion();
    region.wait(64, 1, 60_000);
    region.wait(64, 0, 1);
    region.wait(64, 0, -1);
    region.wait(64, 0, NaN);
  });

  it('keeps memory for as long as a view of it lives, and no longer', async () => {
    const { stdout } = await run(process.execPath, ['--expose-gc', '-e', COLLECTED, addonPath!]);
    expect(stdout).toBe('mapped 1, written 7, mapped 0\n');
  });

  it('keeps no process alive', async () => {
    const pending = `const a = require(process.argv[1]); void a.createRegion(4096).waitAsync(0, 0); console.log('end');`;
    const { stdout } = await run(process.execPath, ['-e', pending, addonPath!]);
    expect(stdout).toBe('end\n');
  });

  it('ends with worker threads that end or are terminated while they wait', async () => {
    const { stdout } = await run(process.execPath, ['-e', WORKERS, addonPath!]);
    expect(stdout).toBe('mapped 0\n');
  });
});

describe.skipIf((echo === undefined || !existsSync(echo)) && !isCi)(
  'a ring with an executor in another process',
  () => {
    it('loses no wake-up in either direction, keeps order around the ring, and ends when asked to stop', async () => {
      const region = new DeviceRegion(openAddon(), 1, 65_536);
      const silo = region.newRing(0, 9);
      const child = spawn(echo!, ['3'], { stdio: ['ignore', 'inherit', 'inherit', region.fd] });
      const exited = new Promise<number | null>((resolve, reject) => {
        child.once('exit', resolve);
        child.once('error', reject);
      });
      try {
        const [sqe, cqe] = [createSqe(), createCqe()];
        const total = 3_000;
        let sent = 0;
        for (let received = 0; received < total; received++) {
          const wanted = received % 7 === 0 ? silo.memory.capacity : 1;
          while (sent < total && silo.outstanding < wanted) {
            silo.submit(Object.assign(sqe, { op: Op.RUN, userDataLow: sent, userDataHigh: 7, generation: 9 }));
            sent++;
          }
          while (!silo.reap(cqe)) await silo.park();
          expect(cqe).toMatchObject({ status: Status.OK, userDataLow: received, userDataHigh: 7, generation: 9 });
        }
        silo.requestStop();
        expect(await exited).toBe(0);
      } finally {
        child.kill('SIGKILL');
        region.close();
      }
    });
  },
);

const MAPPED = `
const mapped = () => require('node:fs').readFileSync('/proc/self/maps', 'utf8').split('gpu-bridge-region').length - 1;`;

const COLLECTED = `${MAPPED}
const addon = require(process.argv[1]);
let view = (() => {
  const region = addon.createRegion(65536);
  void region.waitAsync(0, 1); // Resolved; also a wait that is over holds nothing.
  return new Uint8Array(region.memory, 4096, 8);
})();
const collect = async (rounds) => {
  for (let i = 0; i < rounds && mapped() > 0; i++) {
    gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
};
(async () => {
  await collect(10);
  const before = mapped();
  view[7] = 7;
  const written = view[7];
  view = undefined;
  await collect(1000);
  console.log('mapped ' + before + ', written ' + written + ', mapped ' + mapped());
})();`;

const WORKERS = `${MAPPED}
const { Worker } = require('node:worker_threads');
const source = \`
const { parentPort, workerData } = require('node:worker_threads');
const region = require(workerData).createRegion(65536);
const words = new Int32Array(region.memory);
void region.waitAsync(0, 0);
for (let i = 0; i < 50; i++) {
  void region.waitAsync(64, Atomics.load(words, 16));
  region.ring(64);
}
parentPort.postMessage('waits');\`;
(async () => {
  for (let i = 0; i < 10; i++) {
    const worker = new Worker(source, { eval: true, workerData: process.argv[1] });
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    await new Promise((resolve) => worker.once('message', resolve));
    if (i % 2 === 0) await worker.terminate();
    await exited;
  }
  console.log('mapped ' + mapped());
})();`;
