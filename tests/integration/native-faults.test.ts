import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gridKernel, output, u32, uniform } from '@gpu-bridge/kernels';
import { Tokens } from '@gpu-bridge/abstractions';
import type { DatasetStore, GpuKernel, HealthOptions, KernelDefinition, NativeOptions } from '@gpu-bridge/abstractions';
import { afterAll, describe, expect, it } from 'vitest';
import { spin, stuck } from '../support/kernels.js';
import { absenceOf, startNativeSilo } from '../support/native.js';
import type { NativeSilo } from '../support/native.js';
import { readAll, until } from '../support/silo.js';

const FOREVER = 0xffffffff;

/** Writes wherever `at` says, unchecked. */
const poke = gridKernel('poke', { params: { at: uniform(u32), out: output(u32) }, bounds: 'off' }, (k, { at, out }) => {
  out[at + k.global.x] = 7;
});

// One for the whole file, so that kernels are built once.
const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-native-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const cacheFolder = join(folder, 'cache');

const small = { executors: 2, arenaMiB: 64 };
const DEVICES: readonly { readonly id: string; readonly native: NativeOptions }[] = [
  { id: 'cpu-native:0', native: { cpu: small, cacheFolder } },
  { id: 'opencl:0', native: { opencl: small, cacheFolder } },
];
const absence = (await absenceOf(DEVICES[0]!.native)) ?? (await absenceOf(DEVICES[1]!.native));
const title = absence === undefined ? '' : `, skipped: ${absence}`;

type SpinKernel = GpuKernel<never, { y: Uint32Array }>;

function silo(native: NativeOptions, health: HealthOptions = {}, kernels: KernelDefinition[] = [spin, stuck, poke]) {
  return startNativeSilo({ kernels, native, health, cpu: { workers: 1, arenaMiB: 16 } });
}

function submit({ bridge }: NativeSilo, rounds: number, x: readonly number[], device: string, tenant = 'default') {
  const columns = { rounds: new Uint32Array(x.length).fill(rounds), x: Uint32Array.from(x) };
  return bridge.getKernel(spin).submitBatch(columns, { preferredDevice: device, tenant });
}
type Handle = Awaited<ReturnType<typeof submit>>;

/** Every handle completed, with the right answer for each item, once. */
async function expectAnswers(
  { bridge }: Pick<NativeSilo, 'bridge'>,
  handles: readonly Handle[],
  inputs: readonly (readonly number[])[],
): Promise<void> {
  const kernel = bridge.getKernel(spin) as unknown as SpinKernel;
  for (const [i, handle] of handles.entries()) {
    const seen: number[] = [];
    for (const { columns } of await readAll(kernel, handle as never)) seen.push(...columns.y);
    expect(seen).toEqual(inputs[i]!.map((x) => x + 1));
    expect((await handle.result).outcome).toBe('completed');
  }
}

const healthy = (under: NativeSilo, device: string) =>
  until(() => under.info(device).health === 'healthy', `${device} is healthy`, 60_000);

/** Jobs of all sizes that keep a device busy for a while. */
const LOAD = Array.from({ length: 60 }, (_, i) =>
  Array.from({ length: 1 + ((i * 37) % 400) }, (_, j) => 1_000 * i + j),
);

describe.skipIf(absence !== undefined)(`device hosts that fail${title}`, () => {
  for (const { id, native } of DEVICES) {
    it(`${id}: is killed under load again and again, and every answer is right`, async () => {
      await using under = await silo(native);
      for (let round = 0; round < 3; round++) {
        const handles = await Promise.all(LOAD.map((x) => submit(under, 20_000, x, id)));
        await until(() => handles.some(({ state }) => state === 'running'), 'the load runs');
        process.kill(under.pid(id)!, 'SIGKILL');
        await expectAnswers(under, handles, LOAD);
        await healthy(under, id);
      }
      const { counters, host } = under.info(id);
      expect(counters).toMatchObject({ submitted: 180, completed: 180, failed: 0, cancelled: 0 });
      expect(host!.starts).toBe(4);
    });

    it(`${id}: keeps the datasets of a host that is killed over them`, async () => {
      const dataset = { id: 'numbers', columns: { rounds: u32, x: u32 } } as const;
      const cpu = { workers: 1, arenaMiB: 16 };
      await using under = await startNativeSilo({ kernels: [spin, stuck, poke], native, cpu });
      const store = under.container.get<DatasetStore>(Tokens.DatasetStore);
      store.define(dataset);
      const x = Uint32Array.from({ length: 4_000 }, (_, i) => i);
      await store.publish(dataset, '1', { rounds: new Uint32Array(x.length).fill(20_000), x }, { device: id });
      const lease = await store.open(dataset, { device: id });
      const submitted = [1, 2].map(() => under.bridge.getKernel(spin).submitBatch(lease.data, { preferredDevice: id }));
      const handles = await Promise.all(submitted);
      lease.release();
      await until(() => handles.some(({ state }) => state === 'running'), 'the load runs');
      process.kill(under.pid(id)!, 'SIGKILL');
      await expectAnswers(under, handles, [[...x], [...x]]);
      await healthy(under, id);
      using again = await store.open(dataset);
      expect([again.deviceId, again.data.x.every((value, i) => value === i)]).toEqual([id, true]);
      expect(store.counters()).toMatchObject({ hits: 2, copies: 0, evictions: 0 });
    });

    it(`${id}: a kernel that hangs is poison, and its neighbours complete`, async () => {
      await using under = await silo(native, { slotBudgetMs: 1_500 });
      const offender = await submit(under, FOREVER, [1], id, 'offender');
      const handles = await Promise.all(LOAD.map((x) => submit(under, 10, x, id)));
      expect((await offender.result).error).toMatchObject({
        code: 'JOB_POISONED',
        details: { kernel: 'spin', deaths: 2 },
      });
      await expectAnswers(under, handles, LOAD);
      await healthy(under, id);
    });

    it(`${id}: a loop that does nothing and never ends is not left out`, async () => {
      await using under = await silo(native, { slotBudgetMs: 1_500 });
      const submitStuck = (x: number) =>
        under.bridge.getKernel(stuck).submitBatch({ x: Uint32Array.of(x) }, { preferredDevice: id });
      expect((await (await submitStuck(1)).result).error?.code).toBe('JOB_POISONED');
      await healthy(under, id);
      expect((await (await submitStuck(0)).result).outcome).toBe('completed');
    });

    it(`${id}: a write outside of all memory ends the host and not the silo, and the job that did it fails`, async () => {
      await using under = await silo(native);
      const kernel = under.bridge.getKernel(poke);
      const write = (at: number) =>
        kernel.submitGrid({ at }, { globalSize: [8], sizes: { out: 8 } }, { preferredDevice: id });
      const wild = await write(0xf000_0000);
      const handles = await Promise.all(LOAD.map((x) => submit(under, 10, x, id)));
      expect((await wild.result).error?.code).toMatch(/^(JOB_POISONED|KERNEL_FAULT)$/);
      await expectAnswers(under, handles, LOAD);
      await healthy(under, id);
      expect((await readAll(kernel, await write(0)))[0]!.columns.out).toEqual(new Uint32Array(8).fill(7));
    });

    it(`${id}: a host that is stopped is killed for its heartbeat, and every answer is right`, async () => {
      await using under = await silo(native, { heartbeatTimeoutMs: 1_000 });
      const handles = await Promise.all(LOAD.map((x) => submit(under, 20_000, x, id)));
      const pid = under.pid(id)!;
      process.kill(pid, 'SIGSTOP');
      await expectAnswers(under, handles, LOAD);
      await healthy(under, id);
      expect(under.pid(id)).not.toBe(pid);
    });
  }

  it('leases that end in mid-stream lose nothing', async () => {
    const opencl = { ...small, executionMode: 'leased', leaseEntries: 3 } as const;
    await using under = await silo({ opencl, cacheFolder });
    const handles = await Promise.all(LOAD.map((x) => submit(under, 10, x, 'opencl:0')));
    await expectAnswers(under, handles, LOAD);
    expect((await handles[0]!.result).executionMode).toBe('leased');
    expect(under.info('opencl:0').counters).toMatchObject({ completed: 60, failed: 0, deaths: 0 });
  });

  it('a warm standby takes over', async () => {
    await using under = await silo({ cpu: { ...small, standby: true }, cacheFolder });
    const id = 'cpu-native:0';
    await until(() => under.info(id).host!.hasStandby, 'a standby', 60_000);
    const handles = await Promise.all(LOAD.map((x) => submit(under, 20_000, x, id)));
    process.kill(under.pid(id)!, 'SIGKILL');
    await expectAnswers(under, handles, LOAD);
    await healthy(under, id);
    await until(() => under.info(id).host!.hasStandby, 'another standby', 60_000);
    expect(under.info(id).host!.starts).toBe(2);
  });
});

/** A program in place of the device host. */
function program(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return path;
}

/** The silo starts, the CPU device does the work and says that it stands in, and what is missing is named. */
async function expectFallback(native: NativeOptions, backend: string, reason: RegExp): Promise<void> {
  await using under = await silo(native, {}, [spin]);
  const { devices, unavailable } = under.bridge.getInfo();
  expect(devices.map(({ description }) => description.id)).toEqual(['cpu:0']);
  expect(unavailable).toEqual([{ backend, reason: expect.stringMatching(reason) as string }]);
  expect(under.warnings.join()).toContain(`no ${backend} device`);
  const columns = { rounds: Uint32Array.of(1), x: Uint32Array.of(41) };
  const handle = await under.bridge.getKernel(spin).submitBatch(columns, { deviceType: 'gpu' });
  expect(await handle.result).toMatchObject({ outcome: 'completed', deviceId: 'cpu:0', fallback: true });
  const gone = submit(under, 1, [1], `${backend}:0`);
  await expect(gone).rejects.toMatchObject({ code: 'DEVICE_NOT_FOUND' });
}

const real = fileURLToPath(new URL('../../native/build/bin/device-host', import.meta.url));

/** Stands between the silo and the real host, and ends with it when a `seal` frame comes. */
const CRASHES_AT_SEAL = `
import { spawn } from 'node:child_process';
const [real, ...args] = process.argv.slice(2);
// The host ends with its parent.
const own = args.map((arg, i) => (args[i - 1] === '--silo-pid' ? String(process.pid) : arg));
const host = spawn(real, own, { stdio: ['pipe', 'inherit', 'inherit', ...(args[0] === '--probe' ? [] : [3])] });
host.on('exit', (code) => process.exit(code ?? 70));
host.stdin.on('error', () => undefined);
let input = Buffer.alloc(0);
process.stdin.on('data', (chunk) => {
  input = Buffer.concat([input, chunk]);
  for (let end; (end = input.indexOf(10)) >= 0; ) {
    const [verb, bytes] = input.subarray(0, end).toString().split(' ');
    const size = end + 1 + Number(bytes);
    if (input.length < size) return;
    if (verb === 'seal') {
      console.log('fatal code=70 reason=the%20driver%20crashed');
      host.kill('SIGKILL');
    } else host.stdin.write(input.subarray(0, size));
    input = input.subarray(size);
  }
});
process.stdin.on('end', () => host.stdin.end());
`;

describe.skipIf(absence !== undefined)(`device hosts that do not start${title}`, () => {
  const DEVICE =
    'device index=0 name=Broken type=gpu driver=X executors=2 lanes=1 coherent=true modes=resident max_bytes=0 offers=f64';

  it('no OpenCL driver at all', async () => {
    const before = process.env['OCL_ICD_VENDORS'];
    mkdirSync(join(folder, 'no-vendors'));
    process.env['OCL_ICD_VENDORS'] = join(folder, 'no-vendors');
    try {
      await expectFallback({ opencl: true, cacheFolder }, 'opencl', /./);
    } finally {
      if (before === undefined) delete process.env['OCL_ICD_VENDORS'];
      else process.env['OCL_ICD_VENDORS'] = before;
    }
  });

  it('a driver that is found and cannot be opened', () => {
    const fails = `echo "fatal code=70 reason=clCreateContext:%20out%20of%20resources"; exit 70`;
    const hostPath = program('failing', `if [ "$1" = --probe ]; then echo "${DEVICE}"; exit 0; fi; ${fails}`);
    return expectFallback(
      { opencl: small, cacheFolder, hostPath },
      'opencl',
      /opencl:0.*clCreateContext: out of resources/,
    );
  });

  it('a driver that hangs while it is looked for', () => {
    const hostPath = program('hanging', 'exec sleep 600');
    const opencl = { ...small, startTimeoutMs: 500 };
    return expectFallback({ opencl, cacheFolder, hostPath }, 'opencl', /no answer within 500 ms/);
  });

  it('a driver that crashes while it builds the resident form', () => {
    const wrapper = join(folder, 'crashing.mjs');
    writeFileSync(wrapper, CRASHES_AT_SEAL);
    const hostPath = program('crashing', `exec ${process.execPath} ${wrapper} ${real} "$@"`);
    const reason = /opencl:0.*ended over a seal frame: .*code 70: the driver crashed/;
    return expectFallback({ opencl: small, cacheFolder, hostPath }, 'opencl', reason);
  });

  it('a host that gets no memory', async () => {
    const hostPath = program('starving', `if [ "$1" != --probe ]; then ulimit -v 200000; fi; exec ${real} "$@"`);
    await expectFallback(
      { cpu: { executors: 1, arenaMiB: 512 }, cacheFolder, hostPath },
      'cpu-native',
      /cpu-native:0.*ENOMEM/,
    );
  });

  it('no binary', () =>
    expectFallback(
      { cpu: true, hostPath: join(folder, 'nothing') },
      'cpu-native',
      /hostPath names .*nothing.*not exist/,
    ));

  it('a kernel without a shared object where no compiler may be run stays with the CPU device', async () => {
    await using under = await startNativeSilo({
      kernels: [spin],
      native: { cpu: small, cacheFolder, compiler: undefined as never },
      cpu: { workers: 1, arenaMiB: 16 },
    });
    expect(under.bridge.getInfo().refusals).toMatchObject([
      { deviceId: 'cpu-native:0', missing: [expect.stringContaining('native.compiler') as string] },
    ]);
    const handle = await under.bridge.getKernel(spin).submitBatch({ rounds: Uint32Array.of(1), x: Uint32Array.of(1) });
    expect((await handle.result).deviceId).toBe('cpu:0');
  });
});
