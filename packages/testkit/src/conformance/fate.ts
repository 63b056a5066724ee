import type { Executor } from '@gpu-bridge/abstractions';
import type { DeviceDriver } from '../driver/device-driver.js';

/** The executors that end with this one: itself alone, or all that live in its process. */
export function fateOf({ device }: DeviceDriver, executor: Executor): readonly Executor[] {
  return device.description.faultDomain === 'device' ? device.executors : [executor];
}

/** Starts the executor again, with those that ended with it. */
export async function startAgain(driver: DeviceDriver, executor: Executor): Promise<void> {
  await driver.within('start', () => Promise.all(fateOf(driver, executor).map((one) => one.start())));
}
