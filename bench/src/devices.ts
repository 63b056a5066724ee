import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GpuBridgeOptions } from '@gpu-bridge/abstractions';

/** A device to measure: its id, and the options of a silo that opens it alone. */
export interface MeasuredDevice {
  readonly id: string;
  readonly options: GpuBridgeOptions;
}

const DEVICES: readonly MeasuredDevice[] = [
  { id: 'cpu:0', options: {} },
  { id: 'cpu-native:0', options: { cpu: false, native: { cpu: true, compiler: 'g++' } } },
  { id: 'opencl:0', options: { cpu: false, native: { opencl: true } } },
];

/**
 * Runs `work` for each device, or for the one that was named. A device that is not there is left out, with a note.
 *
 * @returns what `work` returned, by device id.
 * @throws GpuBridgeError `DEVICE_NOT_FOUND` when the named one is none of these, `BACKEND_UNAVAILABLE` when it is not there.
 */
export async function onEachDevice<T>(
  named: string | undefined,
  note: (line: string) => void,
  work: (device: MeasuredDevice) => Promise<T>,
): Promise<ReadonlyMap<string, T>> {
  const wanted = DEVICES.filter(({ id }) => named === undefined || id === named);
  if (wanted.length === 0) {
    const known = DEVICES.map(({ id }) => id);
    throw new GpuBridgeError('DEVICE_NOT_FOUND', { wanted: named!, known }, `known devices: ${known.join(', ')}`);
  }
  const done = new Map<string, T>();
  for (const device of wanted) {
    try {
      done.set(device.id, await work(device));
    } catch (error) {
      if (named !== undefined || !GpuBridgeError.is(error, 'BACKEND_UNAVAILABLE')) throw error;
      note(`${device.id} is left out: ${error.message}`);
    }
  }
  return done;
}
