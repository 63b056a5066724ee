import { Tokens } from '@gpu-bridge/abstractions';
import type { ClusterView, GrainClass } from '@gpu-bridge/abstractions';
import { FakeClock } from '@gpu-bridge/testkit';
import { Container } from 'inversify';
import { expect, test } from 'vitest';
import { grainsModule } from './module.js';
import { diagnosticsOf } from './testing/silo-diagnostics.js';
import { StubBridge } from './testing/stub-bridge.js';

test('grainsModule binds its grain classes beside others', () => {
  const container = new Container();
  const other: GrainClass = { options: { type: 'other', kind: 'keyed' }, create: () => ({}) };
  container.bind<GrainClass>(Tokens.GrainClass).toConstantValue(other);
  container.bind(Tokens.GpuBridge).toConstantValue(new StubBridge().bridge);
  const view: ClusterView = { siloId: 'a', silos: () => [], lost: () => [] };
  container.bind(Tokens.ClusterView).toConstantValue(view);
  container.bind(Tokens.GpuDiagnostics).toConstantValue({ snapshot: () => diagnosticsOf('a') });
  container.bind(Tokens.Clock).toConstantValue(new FakeClock());
  container.load(grainsModule);
  const types = container.getAll<GrainClass>(Tokens.GrainClass).map(({ options }) => options.type);
  expect(types).toEqual(['other', 'gpu-batch', 'gpu-silo-diagnostics', 'gpu-health']);
});
