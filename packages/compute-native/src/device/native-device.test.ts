import { readFile } from 'node:fs/promises';
import type { DeviceDescription, KernelDescriptor } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import { DeviceRegion } from '../region/device-region.js';
import { FakeHosts, LogLines, OBEDIENT, fakeAddon, until } from '../testing/fake-host.js';
import { openClBuilds } from './kernel-builds.js';
import { NativeDevice } from './native-device.js';
import type { NativeDeviceParts } from './native-device.js';

const description: DeviceDescription = {
  ...{ id: 'opencl:0', name: 'fake', type: 'cpu', backend: 'opencl', executors: 2, arenaBytes: 4096 },
  ...{ executionMode: 'resident', executionModes: ['resident'], lanes: 1, hostCoherent: true },
  ...{ faultDomain: 'device', targets: ['opencl'], offers: [] },
};
const descriptor: KernelDescriptor = {
  ...{ id: 'k@0', name: 'k', kind: 'map', params: {}, layout: { slots: [], sizeBytes: 16 }, effects: 'pure' },
  ...{ requires: [], readsItemIndex: false, fp: 'strict', bounds: 'checked', workgroup: null, workspaceBytes: 0 },
  irVersion: 1,
};
const artifact = { target: 'opencl', source: 'text', entry: 'k', flags: [] } as const;
const LINKED = { source: 's', entry: 'e', flags: [], kernels: [1], groupSize: 1, sharedBytes: 0 };

interface Fixture {
  readonly device: NativeDevice;
  readonly logger: LogLines;
  readonly exits: string[];
  readonly hosts: FakeHosts;
}

/** A device whose hosts run `body`; closed, and its files removed, when the test ends. */
async function withDevice(
  body: string,
  test: (fixture: Fixture) => Promise<void>,
  { standby = false, startTimeoutMs = 60_000, ...parts }: Partial<NativeDeviceParts & NativeDeviceParts['host']> = {},
): Promise<void> {
  await using hosts = await FakeHosts.create();
  const { addon, close } = await fakeAddon(hosts.folder);
  const logger = new LogLines();
  const device = new NativeDevice({
    ...{ description, builds: openClBuilds, logger, linkTarget: 'opencl', needsResident: false },
    region: new DeviceRegion(addon, description.executors, description.arenaBytes),
    host: { hostPath: await hosts.write(body), args: [], standby, startTimeoutMs },
    ...parts,
  });
  const exits: string[] = [];
  for (const executor of device.executors)
    executor.onExit = (reason, cause) => exits.push(`${executor.group} ${cause}: ${reason}`);
  try {
    await test({ device, logger, exits, hosts });
  } finally {
    await device.close(1_000);
    await close();
  }
}

const pidOf = (device: NativeDevice): number => device.telemetry().hostPid!;
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('NativeDevice', () => {
  it('starts all executors with one process, in one generation, on cleared rings', () =>
    withDevice(OBEDIENT, async ({ device }) => {
      const [first, second] = device.executors;
      await Promise.all([first!.start(), second!.start()]);
      expect(device.executors.map(({ generation }) => generation)).toEqual([1, 1]);
      for (const { ring } of device.executors) {
        ring.memory.checkHeader();
        expect(ring.memory.generation).toBe(1);
      }
      expect(device.telemetry()).toMatchObject({ starts: 1, hasStandby: false });
      expect(device.telemetry().residentBytes).toBeGreaterThan(2 ** 20);
      expect(device.telemetry().lastStartMs).toBeGreaterThan(0);
    }));

  it('ends all executors with one, and tells the others that they are collateral', () =>
    withDevice(OBEDIENT, async ({ device, exits }) => {
      await device.start();
      const pid = pidOf(device);
      const { ring } = device.executors[1]!;
      await device.executors[1]!.kill();
      expect(isAlive(pid)).toBe(false);
      expect(exits).toEqual([expect.stringMatching(/^0 collateral: /)]);
      expect(device.executors[1]!.ring).toBe(ring); // readable until the next start
      await Promise.all(device.executors.map((executor) => executor.start()));
      expect(device.executors.map(({ generation }) => generation)).toEqual([2, 2]);
      expect(pidOf(device)).not.toBe(pid);
      await Promise.all(device.executors.map((executor) => executor.kill()));
      expect(exits).toHaveLength(1); // both were asked to end
    }));

  it('reports a process that ends by itself as a fault of every executor, once, with its last words', () =>
    withDevice(
      `${OBEDIENT.replace("if (verb === 'seal')", "if (verb === 'link') { say('fatal code=70 reason=driver%20gone'); process.exit(70); }\n  if (verb === 'seal')")}`,
      async ({ device, exits }) => {
        await device.start();
        await expect(device.seal(() => [LINKED])).rejects.toMatchObject({ code: 'DEVICE_LOST' });
        await until('both executors ended', () => exits.length === 2);
        expect(exits).toEqual([0, 1].map((group) => `${group} fault: the device host ended with code 70: driver gone`));
      },
    ));

  it('does not tell a new process of resident loops over which the one before it ended', () =>
    withDevice(
      OBEDIENT.replace("if (verb === 'seal')", "if (verb === 'link') process.exit(70);\n  if (verb === 'seal')"),
      async ({ device, exits }) => {
        await device.start();
        await expect(device.seal(() => [LINKED])).rejects.toMatchObject({ code: 'DEVICE_LOST' });
        await until('both executors ended', () => exits.length === 2);
        await device.start();
        expect(device.telemetry().starts).toBe(2);
      },
    ));

  it('tells a new process everything that the one before it knew, in order, before it serves', () =>
    withDevice(
      `import { appendFileSync } from 'node:fs';
       import { dirname, join } from 'node:path';
       ${OBEDIENT.replace('function frame(verb, payload) {', "function frame(verb, payload) {\n appendFileSync(join(dirname(process.argv[1]), 'heard'), verb + ' ' + payload.split('\\n')[0] + '\\n');")}`,
      async ({ device, hosts }) => {
        await device.start();
        await device.provideKernel(1, artifact, descriptor);
        await device.seal(() => [LINKED]);
        await device.executors[0]!.kill();
        await device.provideKernel(2, artifact, descriptor);
        await device.start();
        await device.seal(() => [LINKED, LINKED]);
        await device.executors[0]!.kill();
        await device.start();
        const heard = (await readFile(`${hosts.folder}/heard`, 'utf8')).trim().split('\n');
        const first = ['kernel number 1', 'link entry e', 'seal'];
        const again = ['link entry e', 'link entry e', 'seal'];
        expect(heard.map((line) => line.trim())).toEqual([
          ...['go 1', ...first],
          ...[...first, 'kernel number 2', 'go 2', ...again],
          ...['kernel number 1', 'kernel number 2', ...again, 'go 3'], // what was sealed before is forgotten
        ]);
      },
    ));

  it('says which kernel the device refuses, with the build log, and never sends it again', () =>
    withDevice(
      OBEDIENT.replace("say('kernel number='", "say('refused log=line%201%0Aline%202 number='"),
      async ({ device, logger }) => {
        await device.start();
        await expect(device.provideKernel(7, artifact, descriptor)).rejects.toMatchObject({
          code: 'KERNEL_BUILD_FAILED',
          details: { kernel: 'k', diagnostics: [{ message: 'line 1\nline 2' }] },
        });
        await device.executors[0]!.kill();
        await device.start();
        expect(logger.lines).toEqual([]);
      },
    ));

  it('runs launched where the resident form cannot be built, and says so', () =>
    withDevice(
      OBEDIENT.replace('sealed kernels=1 cached=false', 'unsealed log=too%20big'),
      async ({ device, logger }) => {
        await device.start();
        await device.seal(() => [LINKED]);
        expect(device.description).toMatchObject({ executionMode: 'launched', executionModes: ['launched'] });
        expect(logger.lines).toEqual([expect.stringMatching(/launches each entry.*too big/)]);
        await device.executors[0]!.kill();
        await device.start();
        expect(logger.lines).toHaveLength(1); // the new host was not asked for what cannot be built
      },
    ));

  it('fails where the mode that needs the resident form was asked for by name', () =>
    withDevice(
      OBEDIENT.replace('sealed kernels=1 cached=false', 'unsealed log=too%20big'),
      async ({ device }) => {
        await device.start();
        await expect(device.seal(() => [LINKED])).rejects.toMatchObject({ code: 'KERNEL_BUILD_FAILED' });
        await expect(device.seal(() => [])).rejects.toThrow(/no kernel has a resident form/);
      },
      { needsResident: true },
    ));

  it('kills a host that does not serve in time', () =>
    withDevice(
      OBEDIENT.replace("if (verb === 'go')", 'if (false)'),
      async ({ device, exits }) => {
        await expect(device.start()).rejects.toMatchObject({
          code: 'DEVICE_LOST',
          message: expect.stringContaining('startTimeoutMs, 500 ms') as string,
        });
        expect(device.telemetry().hostPid).toBeUndefined();
        expect(exits).toEqual([]);
      },
      { startTimeoutMs: 500 },
    ));

  it('names what keeps a host from starting', () =>
    withDevice(
      `function frame() {} say('fatal code=65 reason=the%20region%20is%20of%20version%202'); process.exit(65);`,
      async ({ device }) => {
        await expect(device.start()).rejects.toThrow(/opencl:0 was lost: .*code 65: the region is of version 2/);
      },
    ));

  it('hands over to a warm standby, and warms another', () =>
    withDevice(
      OBEDIENT,
      async ({ device }) => {
        await device.start();
        await device.provideKernel(1, artifact, descriptor);
        await until('a standby', () => device.telemetry().hasStandby);
        const before = pidOf(device);
        process.kill(before, 'SIGKILL');
        await until('the end', () => device.telemetry().hostPid === undefined);
        await device.start();
        expect(pidOf(device)).not.toBe(before);
        expect(device.telemetry().starts).toBe(2);
        await until('another standby', () => device.telemetry().hasStandby);
      },
      { standby: true },
    ));

  it('goes on without a standby that dies, and tells', () =>
    withDevice(
      `if (option('--standby') === 'true') process.exit(3);\n${OBEDIENT}`,
      async ({ device, logger }) => {
        await device.start();
        await until('the standby to end', () => logger.lines.some((line) => /a standby ended.*code 3/.test(line)));
        expect(device.telemetry()).toMatchObject({ hasStandby: false, starts: 1 });
      },
      { standby: true },
    ));

  it('closes a host that does not end when asked, as often as it is called, and reports no exit', () =>
    withDevice(
      `${OBEDIENT}\nprocess.stdin.removeAllListeners('end'); setInterval(() => undefined, 1000);`,
      async ({ device, exits }) => {
        await device.start();
        const pid = pidOf(device);
        await Promise.all([device.close(50), device.close(0)]);
        expect(isAlive(pid)).toBe(false);
        await device.close(0);
        expect(exits).toEqual([]);
        await expect(device.start()).rejects.toMatchObject({ code: 'DRAINING' });
        expect(new Uint8Array(device.memory).length).toBeGreaterThan(4096); // stays for its readers
      },
    ));
});
