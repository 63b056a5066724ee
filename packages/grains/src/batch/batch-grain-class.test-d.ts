import type {
  ColumnBatch,
  GrainFactory,
  InputParam,
  KernelDefinition,
  OutputParam,
  ScalarType,
  UniformParam,
  WideColumn,
} from '@gpu-bridge/abstractions';
import { expectTypeOf, test } from 'vitest';
import { getBatchGrain } from './batch-grain-class.js';

declare const scale: KernelDefinition<{
  x: InputParam<ScalarType<'f32'>>;
  factor: UniformParam<ScalarType<'f32'>>;
  y: OutputParam<ScalarType<'f32'>>;
  rounded: OutputParam<ScalarType<'i64'>>;
}>;
declare const factory: GrainFactory;

test('a batch grain takes the kernel’s inputs and gives its outputs', async () => {
  const grain = getBatchGrain(factory, scale);
  expectTypeOf(grain.execute).parameter(0).toEqualTypeOf<{ readonly x: Float32Array; readonly factor: number }>();
  expectTypeOf<keyof typeof grain>().toEqualTypeOf<'execute' | 'executeGrid'>();
  const execution = await grain.execute({ x: Float32Array.of(1), factor: 2 }, { tenant: 'acme' });
  expectTypeOf(execution.batches).toEqualTypeOf<
    AsyncIterable<ColumnBatch<{ readonly y: Float32Array; readonly rounded: WideColumn }>>
  >();
  // @ts-expect-error -- an input is missing
  await grain.execute({ x: Float32Array.of(1) });
});
