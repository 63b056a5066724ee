import { MODE_NUMBERS } from '@gpu-bridge/abstractions';
import { Mode } from '@gpu-bridge/protocol';
import type { DeviceDescription, ExecutionMode, GpuExecutionHints } from '@gpu-bridge/abstractions';

/** What a job's entries ask of a device: the mode that was hinted if the device has it, else none. */
export function modeAsked({ executionMode = 'auto' }: GpuExecutionHints, device: DeviceDescription): Mode {
  if (executionMode === 'auto' || !device.executionModes.includes(executionMode)) return Mode.ANY;
  return MODE_NUMBERS[executionMode];
}

/** The mode that a completion names; the device's own where it names none that is known. */
export function modeNamed(mode: number, device: DeviceDescription): ExecutionMode {
  const named = (Object.keys(MODE_NUMBERS) as ExecutionMode[]).find((name) => MODE_NUMBERS[name] === mode);
  return named ?? device.executionMode;
}
