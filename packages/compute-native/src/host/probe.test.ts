import { describe, expect, it } from 'vitest';
import { FakeHosts } from '../testing/fake-host.js';
import { probeDevices } from './probe.js';

const DEVICE =
  'device index=1 name=Some%20GPU type=gpu driver=X%201 executors=3 lanes=8 coherent=true modes=launched,resident max_bytes=1048576 offers=f64,magic';

async function probe(body: string, timeoutMs = 60_000) {
  await using hosts = await FakeHosts.create();
  return await probeDevices(await hosts.write(`function frame() {}\n${body}`), ['--probe', 'fake'], timeoutMs);
}

describe('probeDevices', () => {
  it('reads devices, with modes best first and what nobody knows left out', async () => {
    const { devices, absence } = await probe(`console.log('noise'); say('${DEVICE}'); process.exit(0);`);
    expect(absence).toBeUndefined();
    expect(devices).toEqual([
      {
        ...{ index: 1, name: 'Some GPU', type: 'gpu', driver: 'X 1', executors: 3, lanes: 8, isCoherent: true },
        ...{ modes: ['resident', 'launched'], maxBytes: 2 ** 20, offers: ['f64'] },
      },
    ]);
  });

  it('says why there is none, in the words of the host', async () => {
    const result = await probe(`say('absent reason=no%20libOpenCL.so.1'); process.exit(69);`);
    expect(result).toEqual({ devices: [], absence: 'no libOpenCL.so.1' });
  });

  it('says how a probe ended that crashed, with its last words', async () => {
    const { absence } = await probe(`console.error('driver: assertion failed'); process.kill(process.pid, 'SIGKILL');`);
    expect(absence).toMatch(/no device.*SIGKILL.*driver: assertion failed/);
  });

  it('kills a probe that hangs', async () => {
    const { devices, absence } = await probe(`say('${DEVICE}'); setInterval(() => undefined, 1000);`, 500);
    expect(devices).toEqual([]);
    expect(absence).toMatch(/no answer within 500 ms and was killed/);
  });

  it('leaves out a device that lacks what it must have', async () => {
    const { devices, absence } = await probe(
      `say('${DEVICE}'.replace('lanes=8', 'lanes=0')); say('device index=2'); process.exit(0);`,
    );
    expect(devices).toEqual([]);
    expect(absence).toMatch(/found no device/);
  });

  it('says so when the program cannot be run', async () => {
    const { absence } = await probeDevices('/no/such/device-host', [], 60_000);
    expect(absence).toMatch(/did not start.*ENOENT/);
  });
});
