import { inspect } from 'node:util';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import { NatsClusterPort } from './nats-cluster-port.js';
import { resolveNatsClusterOptions } from './nats-cluster-options.js';

const needed = { servers: ['127.0.0.1:4222'], clusterId: 'prod' };
const SEED = 'SUAILY6G2HBIIK5G52DBOHEK7CV32LCVSTIERLFZY3WZ7SZ5O7W37BFXPQ';
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function refusalOf(options: object): GpuBridgeError<'INVALID_ARGUMENT'> {
  try {
    resolveNatsClusterOptions({ ...needed, ...options });
  } catch (error) {
    if (GpuBridgeError.is(error, 'INVALID_ARGUMENT')) return error;
    throw error;
  }
  throw new Error(`${inspect(options)} was taken`);
}

describe('options of the NATS port', () => {
  it('take addresses in every form that holds no credentials', () => {
    const servers = ['localhost', '10.0.0.5:4222', 'nats://nats-1.example:4222', 'nats://[::1]:4222'];
    expect(resolveNatsClusterOptions({ ...needed, servers }).servers).toEqual(servers);
  });

  it.each([
    ['servers', { servers: [] }],
    ['servers', { servers: 'localhost' }],
    ['servers[1]', { servers: ['localhost', 'http://localhost'] }],
    ['servers[0]', { servers: [''] }],
    ['servers[0]', { servers: ['tls://localhost'] }],
    ['clusterId', { clusterId: '' }],
    ['clusterId', { clusterId: 'a_b' }],
    ['clusterId', { clusterId: 'a.b' }],
    ['clusterId', { clusterId: 'a'.repeat(33) }],
    ['clusterId', { clusterId: undefined }],
    ['replicas', { replicas: 2 }],
    ['storage', { storage: 'disk' }],
    ['connectionName', { connectionName: 'a\nb' }],
    ['credentialsFile', { credentialsFile: '' }],
    ['tls', { tls: true }],
    ['tls.caFile', { tls: { caFile: 7 } }],
    ['tls.keyFile', { tls: { certFile: 'client.pem' } }],
    ['tls.rejectUnauthorized', { tls: { rejectUnauthorized: false } }],
    ['pass', { pass: 'x' }],
  ])('refuse what is wrong with %s', (field, options) => {
    expect(refusalOf(options).details.field).toBe(`options.${field}`);
  });

  it.each([
    { user: 'silo', password: 'a secret', token: 'a secret' },
    { token: 'a secret', nkeySeed: SEED },
    { nkeySeed: SEED, credentialsFile: 'silo.creds' },
    { password: 'a secret' },
    { user: 'silo' },
    { user: 'silo', password: 'a secret\n' },
    { user: 'silo', password: { value: 'a secret' } },
    { token: ['a secret'] },
    { nkeySeed: SEED.slice(1) },
    { servers: ['nats://silo:a secret@localhost'] },
    { servers: ['nats://a-secret@localhost'] },
    { tls: 'a secret' },
  ])('refuse credentials that make no sense, without repeating them: %#', (options) => {
    const seen = inspect(refusalOf(options), { depth: 10 });
    for (const secret of ['a secret', 'a-secret', SEED.slice(1)]) expect(seen).not.toContain(secret);
  });

  it.each([{ user: 'silo', password: 'a secret' }, { token: 'a secret' }, { nkeySeed: SEED }])(
    'leave no secret in what a port shows: %#',
    (credentials) => {
      const port = new NatsClusterPort({ logger: silent }, { ...needed, ...credentials });
      const seen = inspect(port, { depth: 20, showHidden: true }) + JSON.stringify(port);
      for (const secret of ['a secret', SEED]) expect(seen).not.toContain(secret);
    },
  );

  it('rejects everything with CLUSTER_UNAVAILABLE before it is open', async () => {
    const port = new NatsClusterPort({ logger: silent }, needed);
    const listener = { onMessage: () => undefined, onUndeliverable: () => undefined };
    await expect(port.openTable('rows')).rejects.toThrow(/^CLUSTER_UNAVAILABLE: .*not open/);
    await expect(port.openStream('log', { maxEntries: 1 })).rejects.toThrow(/^CLUSTER_UNAVAILABLE: .*not open/);
    await expect(port.listen('silo-a.1', listener)).rejects.toThrow(/^CLUSTER_UNAVAILABLE: .*not open/);
    await port.close();
    await expect(port.open()).rejects.toThrow(/^CLUSTER_UNAVAILABLE: .*closed/);
  });
});
