import { expect, test } from 'vitest';
import { FakeClock } from '@gpu-bridge/testkit';
import { CapacityLedger } from '../placement/capacity-ledger.js';
import { CallService } from './call-service.js';

test('a call that arrives after the death of its silo is refused', async () => {
  const service = new CallService({
    siloId: 'a',
    clock: new FakeClock(),
    membership: { isFenced: () => false, isDead: (address) => address === 'dead.1' },
    ledger: new CapacityLedger(1),
    find: () => undefined,
  });
  const call = {
    grain: { type: 'test', key: 'k' },
    method: 'run',
    args: [],
    request: {},
    fencingToken: 0,
    placed: false,
  };
  await expect(service.receive(call, 'dead.1')).rejects.toMatchObject({ reason: { code: 'SILO_UNREACHABLE' } });
  await expect(service.receive(call, 'b.1')).rejects.toMatchObject({ reason: { code: 'GRAIN_NOT_FOUND' } });
});
