import type {
  ColumnBatch,
  GrainFactory,
  InputParam,
  KernelDefinition,
  OutputParam,
  ScalarType,
  UniformParam,
} from '@gpu-bridge/abstractions';
import { expectTypeOf, test } from 'vitest';
import { GpuResidentGrain } from './gpu-resident-grain.js';
import type { ResidentDefinition } from './resident-definition.js';
import { getResidentGrain } from './resident-grain-class.js';

declare const scale: KernelDefinition<{
  x: InputParam<ScalarType<'f32'>>;
  weights: InputParam<ScalarType<'f32'>>;
  factor: UniformParam<ScalarType<'f32'>>;
  y: OutputParam<ScalarType<'f32'>>;
}>;
declare const factory: GrainFactory;
declare const _columns: { readonly x: ScalarType<'f32'>; readonly z: ScalarType<'f32'> };
type Columns = typeof _columns;
declare const definition: ResidentDefinition<Columns>;
const x = Float32Array.of(1);

test('a resident grain takes the inputs that are no columns, and gives the outputs', async () => {
  const grain = getResidentGrain(factory, definition, 'a');
  await grain.publish({ x, z: x });
  // @ts-expect-error -- a column is missing
  await grain.publish({ x });
  await grain.update({ z: x });
  // @ts-expect-error -- no column
  await grain.update({ w: x });
  const execution = await grain.compute(scale, { weights: x, factor: 2 });
  expectTypeOf(execution.batches).toEqualTypeOf<AsyncIterable<ColumnBatch<{ readonly y: Float32Array }>>>();
  // @ts-expect-error -- `weights` is neither given nor a column
  await grain.compute(scale, { factor: 2 });
  await grain.compute(scale, { factor: 2 }, { bind: { weights: 'z' } });
  // @ts-expect-error -- no column
  await grain.compute(scale, { factor: 2 }, { bind: { weights: 'w' } });
  await grain.compute(scale, { x, weights: x, factor: 2 }, { epoch: 'e', hints: { priority: 'low' } });
  // @ts-expect-error -- the epoch is an option of its own
  await grain.compute(scale, { weights: x, factor: 2 }, { hints: { epoch: 'e' } });
});

class Counting extends GpuResidentGrain<number, Columns> {
  async count(): Promise<number> {
    const count = (this.state ?? 0) + 1;
    await this.saveState(count);
    return count;
  }
}
declare const counting: ResidentDefinition<Columns, Counting>;

test('a subclass has methods of its own beside those of the class', () => {
  const grain = getResidentGrain(factory, counting, 'a');
  expectTypeOf(grain.count).returns.resolves.toEqualTypeOf<number>();
  expectTypeOf(grain.describe).toBeFunction();
});
