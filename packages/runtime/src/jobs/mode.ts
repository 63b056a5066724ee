import { Mode } from '@gpu-bridge/protocol';
import type { DeviceDescription, ExecutionMode, GpuExecutionHints } from '@gpu-bridge/abstractions';

const NUMBERS: Readonly<Record<ExecutionMode, Mode>> = {
  resident: Mode.RESIDENT,
  leased: Mode.LEASED,
  launched: Mode.LAUNCHED,
  graph: Mode.GRAPH,
};

/** What a job's entries ask of a device: the mode that was hinted if the device has it, else none. */
export function modeAsked({ executionMode = 'auto' }: GpuExecutionHints, device: DeviceDescription): Mode {
  if (executionMode === 'auto' || !device.executionModes.includes(executionMode)) return Mode.ANY;
  return NUMBERS[executionMode];
}

/** The mode that a completion names; the device's own where it names none that is known. */
export function modeNamed(mode: number, device: DeviceDescription): ExecutionMode {
  const named = (Object.keys(NUMBERS) as ExecutionMode[]).find((name) => NUMBERS[name] === mode);
  return named ?? device.executionMode;
}
