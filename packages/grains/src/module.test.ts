import { Tokens } from '@gpu-bridge/abstractions';
import type { GrainClass } from '@gpu-bridge/abstractions';
import { Container } from 'inversify';
import { expect, test } from 'vitest';
import { grainsModule } from './module.js';
import { StubBridge } from './testing/stub-bridge.js';

test('grainsModule binds the batch grain class beside others', () => {
  const container = new Container();
  const other: GrainClass = { options: { type: 'other', kind: 'keyed' }, create: () => ({}) };
  container.bind<GrainClass>(Tokens.GrainClass).toConstantValue(other);
  container.bind(Tokens.GpuBridge).toConstantValue(new StubBridge().bridge);
  container.load(grainsModule);
  const types = container.getAll<GrainClass>(Tokens.GrainClass).map(({ options }) => options.type);
  expect(types).toEqual(['other', 'gpu-batch']);
});
