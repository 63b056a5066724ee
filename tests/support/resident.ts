import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { DatasetData, DatasetSource } from '@gpu-bridge/abstractions';
import type { BatchExecution } from '@gpu-bridge/grains';
import { input, mapKernel, output, u32, uniform } from '@gpu-bridge/kernels';

export const plus = mapKernel(
  'plus',
  { params: { by: uniform(u32), x: input(u32), y: output(u32) } },
  (_k, { by, x, y }) => {
    y.value = x + by;
  },
);

export const COLUMNS = { x: u32, z: u32 };
type Data = DatasetData<typeof COLUMNS>;

/** Keeps epochs in memory, for all silos of a process. */
export class MemorySource implements DatasetSource<typeof COLUMNS> {
  readonly saved = new Map<string, Data>();
  loads = 0;
  /** Called before an epoch is kept. */
  onSave: () => Promise<void> = () => Promise.resolve();

  async load(id: string, epoch: string): Promise<Data> {
    const data = this.saved.get(`${id}@${epoch}`);
    if (data === undefined)
      throw new GpuBridgeError('DATASET_NOT_FOUND', { dataset: id, epoch, known: [] }, `${id} has no epoch ${epoch}`);
    this.loads++;
    return structuredClone(data);
  }

  async save(id: string, epoch: string, data: Data): Promise<void> {
    const copy: Data = { x: data.x.slice(), z: data.z.slice() };
    await this.onSave();
    this.saved.set(`${id}@${epoch}`, copy);
  }
}

/** A dataset in which every element says of which epoch it is. */
export function filled(value: number, elements = 256): Data {
  return { x: new Uint32Array(elements).fill(value), z: new Uint32Array(elements).fill(value) };
}

export async function valuesOf(execution: BatchExecution<{ readonly y: Uint32Array }>): Promise<number[]> {
  const values: number[] = [];
  for await (const { columns } of execution.batches) for (const value of columns.y) values.push(value);
  return values;
}
