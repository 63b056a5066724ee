import type { GrainContext, GrainFactory, KernelDefinition } from '@gpu-bridge/abstractions';
import { describe, expect, test } from 'vitest';
import { StubBridge } from '../testing/stub-bridge.js';
import { batchGrainClass, getBatchGrain } from './batch-grain-class.js';

describe('batch grains', () => {
  test('are placed per call by what devices have free, need one activation, do not queue in the silo, and may run twice', () => {
    const { options } = batchGrainClass(new StubBridge().bridge);
    expect(options).toMatchObject({
      type: 'gpu-batch',
      kind: 'stateless-worker',
      maxLocal: 1,
      reentrant: true,
      idempotent: 'all',
      placement: { director: 'gpu' },
    });
    expect(Object.keys(options.remoteForms!)).toEqual(['execute', 'executeGrid']);
  });

  test('run the kernel that their key names', async () => {
    const stub = new StubBridge();
    const context = { id: { type: 'gpu-batch', key: 'scale' }, request: {} } as GrainContext;
    const grain = batchGrainClass(stub.bridge).create(context);
    await grain.onActivate();
    await grain.execute({});
    expect(stub.submissions.length).toBe(1);
  });

  test('are asked for by the kernel, without a bridge', () => {
    const asked: unknown[] = [];
    const factory: GrainFactory = {
      getGrain: (grain, key) => {
        asked.push([grain.options.type, key]);
        return {} as never;
      },
    };
    getBatchGrain(factory, { name: 'scale' } as KernelDefinition);
    expect(asked).toEqual([['gpu-batch', 'scale']]);
  });
});
