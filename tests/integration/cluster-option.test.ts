/** The option `cluster` of addGpuBridge, as a host application gives it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokens } from '@gpu-bridge/abstractions';
import type { GrainClass, GrainContext, GrainFactory } from '@gpu-bridge/abstractions';
import { addGpuBridge } from '@gpu-bridge/hosting';
import type { GpuBridgeHostOptions } from '@gpu-bridge/hosting';
import { Container } from 'inversify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

class Counter {
  constructor(private readonly context: GrainContext) {}
  async add(amount: number): Promise<number> {
    const total = Number((await this.context.storage.read()) ?? 0) + amount;
    await this.context.storage.write(total);
    return total;
  }
  async remindIn(dueMs: number): Promise<void> {
    await this.context.reminders.register('soon', { dueMs });
  }
  async reminders(): Promise<readonly string[]> {
    return this.context.reminders.list();
  }
  async receiveReminder(): Promise<void> {
    throw new Error('it is due long after the test');
  }
}
const counter: GrainClass<Counter> = {
  options: { type: 'counter', kind: 'keyed', persistent: true },
  create: (context) => new Counter(context),
};

function hostWith(options: GpuBridgeHostOptions) {
  const container = new Container();
  const host = addGpuBridge(container, { cpu: false, requireDevice: false, ...options });
  container.bind(Tokens.GrainClass).toConstantValue(counter);
  return { host, grain: (key: string) => container.get<GrainFactory>(Tokens.GrainFactory).getGrain(counter, key) };
}

describe('the option cluster', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-storage-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('keeps the state and the reminders of a silo alone in a folder, over restarts', async () => {
    const options = { cluster: { storageFolder: folder } };
    const first = hostWith(options);
    await first.host.start();
    expect(await first.grain('a').add(2)).toBe(2);
    await first.grain('b').remindIn(3_600_000);
    await first.host.stop();
    const second = hostWith(options);
    await second.host.start();
    expect(await second.grain('a').add(3)).toBe(5);
    expect(await second.grain('b').reminders()).toEqual(['soon']);
    expect(await second.grain('c').reminders()).toEqual([]);
    await second.host.stop();
  });

  it('refuses a folder that another silo has', async () => {
    const options = { cluster: { storageFolder: folder } };
    const first = hostWith(options);
    await first.host.start();
    await expect(hostWith(options).host.start()).rejects.toThrow(/CLUSTER_UNAVAILABLE.*folder/);
    expect(await first.grain('a').add(1)).toBe(1);
    await first.host.stop();
  });

  it('without it, says what storage and reminders need', async () => {
    const { host, grain } = hostWith({});
    await host.start();
    await expect(grain('a').add(1)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await expect(grain('a').remindIn(1)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await host.stop();
  });

  it('fails the start when no NATS server answers, and leaves nothing behind', async () => {
    const nats = { servers: ['127.0.0.1:1'], clusterId: 'none', startTimeoutMs: 0, connectTimeoutMs: 1_000 };
    const { host } = hostWith({ cluster: { nats } });
    await expect(host.start()).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE' });
  });

  it.each([
    [{}],
    [{ storageFolder: '' }],
    [{ storageFolder: '/tmp', nats: { servers: ['a:1'], clusterId: 'b' } }],
    [{ redis: {} }],
    ['nats'],
  ])('refuses %o', (cluster) => {
    expect(() => addGpuBridge(new Container(), { cluster: cluster as never })).toThrow(/INVALID_ARGUMENT/);
  });
});
