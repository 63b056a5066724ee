import type { DeviceType, ExecutionMode, KernelRequirement } from '@gpu-bridge/abstractions';
import { HostProcess } from './host-process.js';
import type { HostMessage } from './host-message.js';

/** A device as `device-host --probe` describes it. */
export interface ProbedDevice {
  readonly index: number;
  readonly name: string;
  readonly type: DeviceType;
  readonly driver: string;
  readonly executors: number;
  readonly lanes: number;
  readonly isCoherent: boolean;
  /** Best first. */
  readonly modes: readonly ExecutionMode[];
  /** Largest region it can reach; Infinity for no limit. */
  readonly maxBytes: number;
  readonly offers: readonly KernelRequirement[];
}

export interface ProbeResult {
  readonly devices: readonly ProbedDevice[];
  /** Why there are none. */
  readonly absence: string | undefined;
}

/**
 * Asks a device host, in a process of its own, which devices there are: a driver may crash or hang over that.
 *
 * @param timeoutMs - after which the process is killed; that is then why there is no device.
 */
export async function probeDevices(hostPath: string, args: readonly string[], timeoutMs: number): Promise<ProbeResult> {
  const devices: ProbedDevice[] = [];
  let absence: string | undefined;
  const host = new HostProcess(hostPath, args, undefined, (message) => {
    if (message.verb === 'absent') absence = message.values.get('reason') ?? 'the driver is missing';
    const device = message.verb === 'device' ? deviceOf(message) : undefined;
    if (device !== undefined) devices.push(device);
  });
  const timer = setTimeout(() => {
    absence = `the probe gave no answer within ${timeoutMs} ms and was killed: a driver hangs`;
    host.kill();
  }, timeoutMs);
  const reason = await host.exited;
  clearTimeout(timer);
  if (absence !== undefined) return { devices: [], absence };
  return { devices, absence: devices.length > 0 ? undefined : `the probe found no device; ${reason}` };
}

const TYPES: readonly DeviceType[] = ['gpu', 'cpu', 'accelerator'];
const MODES: readonly ExecutionMode[] = ['resident', 'leased', 'launched'];
const OFFERS: readonly KernelRequirement[] = ['f64', 'i64', 'i64-atomics'];

/** Undefined for a line that lacks what a device must have. */
function deviceOf({ values }: HostMessage): ProbedDevice | undefined {
  const count = (key: string): number => Number(values.get(key) ?? Number.NaN);
  const among = <T extends string>(key: string, known: readonly T[]): T[] => {
    const named = (values.get(key) ?? '').split(',');
    return known.filter((one) => named.includes(one));
  };
  const [type] = among('type', TYPES);
  const modes = among('modes', MODES);
  const [index, executors, lanes] = [count('index'), count('executors'), count('lanes')];
  const isWhole = index >= 0 && executors >= 1 && lanes >= 1;
  if (type === undefined || modes.length === 0 || !isWhole) return undefined;
  const maxBytes = count('max_bytes');
  return {
    ...{ index, type, executors, lanes, modes },
    name: values.get('name') ?? 'unnamed device',
    driver: values.get('driver') ?? '',
    isCoherent: values.get('coherent') === 'true',
    maxBytes: maxBytes > 0 ? maxBytes : Infinity,
    offers: among('offers', OFFERS),
  };
}
