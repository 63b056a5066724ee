import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GpuBridgeOptions, NativeDeviceOptions } from '@gpu-bridge/abstractions';

const COMPILER = 'g++';

/** A device to measure: its id, and the options of a silo that opens it alone. */
export interface MeasuredDevice {
  readonly id: string;
  readonly options: GpuBridgeOptions;
}

/** The options of a silo that opens this device alone; `settings` are for native ones. */
export function optionsFor(id: string, settings: NativeDeviceOptions = {}): GpuBridgeOptions {
  switch (id) {
    case 'cpu:0':
      return {};
    case 'cpu-native:0':
      return { cpu: false, native: { cpu: settings, compiler: COMPILER } };
    case 'opencl:0':
      return { cpu: false, native: { opencl: settings } };
    default: {
      const known = DEVICES;
      throw new GpuBridgeError('DEVICE_NOT_FOUND', { wanted: id, known }, `no ${id} here; one of ${known.join(', ')}`);
    }
  }
}

/** Native ones first: what is asked of one device is asked of the first that is there. */
const DEVICES = ['opencl:0', 'cpu-native:0', 'cpu:0'];
/** Those behind a device host. */
export const NATIVE_DEVICES = ['opencl:0', 'cpu-native:0'];

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
  ids = DEVICES,
): Promise<ReadonlyMap<string, T>> {
  const done = new Map<string, T>();
  for (const id of named === undefined ? ids : [named]) {
    const options = optionsFor(id);
    const result = await unlessAbsent(id, note, () => work({ id, options }), named !== undefined);
    if (result !== undefined) done.set(id, result);
  }
  return done;
}

/** What `work` returns; undefined, with a note, where the device is not there. */
export async function unlessAbsent<T>(
  what: string,
  note: (line: string) => void,
  work: () => Promise<T>,
  isNeeded = false,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isNeeded || !GpuBridgeError.is(error, 'BACKEND_UNAVAILABLE')) throw error;
    note(`${what} is left out: ${error.message}`);
    return undefined;
  }
}
