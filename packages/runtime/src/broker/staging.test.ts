import { input, output, scratch, u32 } from '@gpu-bridge/abstractions';
import { ReferenceBackend } from '@gpu-bridge/testkit';
import { describe, expect, it } from 'vitest';
import { ResidentPins } from '../arena/resident-pins.js';
import { kernelOf, mapJob, tenantAccounts } from '../testing/fixture.js';
import { Staging } from './staging.js';

const work = kernelOf({ x: input(u32), y: output(u32), temporary: scratch(u32, { max: [0, 32] }) });

describe('Staging', () => {
  it('reserves scratch for every work-item that runs at once', async () => {
    const bytes = async (executors: number, lanes: number): Promise<number> => {
      const device = await new ReferenceBackend({ manual: true, executors, lanes }).open('reference:0');
      return new Staging(device, new ResidentPins(), tenantAccounts(), 0).sizeOf(
        mapJob(work, { x: new Uint32Array(16) }),
      );
    };
    const one = await bytes(1, 1);
    expect([await bytes(3, 1), await bytes(1, 8), await bytes(2, 8)]).toEqual([2, 7, 15].map((n) => one + n * 128));
  });
});
