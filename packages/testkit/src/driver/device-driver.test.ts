import { Status } from '@gpu-bridge/protocol';
import { describe, expect, it } from 'vitest';
import { BodyCompiler } from '../compiler/body-compiler.js';
import { stamp, scalars64 } from '../conformance/kernels.js';
import { ReferenceBackend } from '../reference/reference-backend.js';
import { DeviceDriver } from './device-driver.js';
import { Unsupported } from './unsupported.js';
import type { ReferenceBackendOptions } from '../reference/reference-backend.js';

async function driverOf(options: ReferenceBackendOptions = {}, boundMs?: number): Promise<DeviceDriver> {
  const device = await new ReferenceBackend(options).open('reference:0');
  return new DeviceDriver(device, { compiler: new BodyCompiler(), ...(boundMs === undefined ? {} : { boundMs }) });
}

describe('DeviceDriver', () => {
  it('runs a kernel and gives its outputs', async () => {
    const driver = await driverOf();
    const kernel = await driver.load(stamp);
    const args = driver.bind(kernel, { itemCount: 3, inputs: { a: [5, 6, 7] } });
    expect((await driver.run(kernel, args, 3)).status).toBe(Status.OK);
    expect([...args.column('out')]).toEqual([5, 13, 21]);
    expect(() => args.column('nothing')).toThrow(/no column nothing.value/);
    await driver.device.close(0);
  });

  it('says unsupported when the device does not offer what the kernel needs', async () => {
    const driver = await driverOf({ offers: ['f64'] });
    await expect(driver.load(scalars64)).rejects.toThrow(Unsupported);
    await driver.device.close(0);
  });

  it('gives up on a completion that does not come, and can wait again', async () => {
    const driver = await driverOf({ manual: true }, 20);
    const submitted = driver.submit({ op: 99 });
    await expect(driver.next()).rejects.toThrow('waited 20 ms for a completion');
    (driver.device as { step?(): boolean }).step?.();
    expect((await driver.answer(submitted)).status).toBe(Status.UNKNOWN_OP);
    await driver.device.close(0);
  });
});
