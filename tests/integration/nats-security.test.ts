/** Credentials and TLS of the NATS port, against real servers: what it connects to, and what it says where it cannot. */
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { NatsClusterPort } from '@gpu-bridge/cluster-nats';
import type { NatsClusterOptions } from '@gpu-bridge/cluster-nats';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAuthority, tlsConfig } from '../support/nats/certificates.js';
import type { TestAuthority } from '../support/nats/certificates.js';
import { describeWithNats, keptLog, startNatsServer } from '../support/nats/servers.js';
import type { KeptLog } from '../support/nats/servers.js';
import { until } from '../support/silo.js';

/** The configuration that docs/OPERATIONS.md shows. */
const ACCOUNT = readFileSync(new URL('../support/nats/silo-account.conf', import.meta.url), 'utf8');
const SECRET = 'change me';
/** Made for this test. */
const NKEY = {
  publicKey: 'UDDZQN4NBJ77ZMZEQB3WGPW5T7EWG4GWPDTAUNDZTCVFYQAM2GJIGMU6',
  seed: 'SUAILY6G2HBIIK5G52DBOHEK7CV32LCVSTIERLFZY3WZ7SZ5O7W37BFXPQ',
};
const WRONG_SEED = 'SUALJO7VHJ5W6RM2RSLIJGMAEF6HGMOUV623H6YBWCPVJWX2FHTCQZAOHA';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const nobody = { onMessage: () => undefined, onUndeliverable: () => undefined };

interface Tried {
  readonly port: NatsClusterPort;
  readonly log: KeptLog;
}

/** A port that gives up soon, where it has to. */
function portOf(options: Partial<NatsClusterOptions> & { servers: readonly string[] }): Tried {
  const log = keptLog();
  const settings = { clusterId: 'prod', startTimeoutMs: 10_000, requestTimeoutMs: 2_000, ...options };
  return { port: new NatsClusterPort({ logger: log }, settings), log };
}

/** Uses everything that a silo uses. */
async function exercise(port: NatsClusterPort): Promise<void> {
  const received: string[] = [];
  const undeliverable: number[] = [];
  const endpoint = await port.listen('silo-a.1', {
    onMessage: (payload) => received.push(new TextDecoder().decode(payload)),
    onUndeliverable: (correlation) => undeliverable.push(correlation),
  });
  endpoint.send('silo-a.1', bytes('hello'));
  endpoint.send('nobody', bytes('hello'), 7);
  const table = await port.openTable('members', { expireAfterMs: 60_000 });
  const told: string[] = [];
  using _watch = await table.watch(({ key }) => told.push(key));
  expect(await table.create('key', bytes('value'))).toBeGreaterThan(0);
  expect((await table.rows()).map(({ key }) => key)).toEqual(['key']);
  const stream = await port.openStream('results', { maxEntries: 10 });
  await stream.publish('subject', bytes('entry'));
  for await (const entry of stream.consume({ consumer: 'c', maxUnacknowledged: 1 })) {
    await entry.acknowledge();
    break;
  }
  await until(() => received.length === 1 && undeliverable.length === 1 && told.length === 1, 'all of it arrives');
}

/** The error with which it fails: typed, with a reason that helps, and nowhere a secret. */
async function expectUnavailable(call: Promise<unknown>, reason: RegExp, secrets: readonly string[], seen: Tried) {
  const error: unknown = await call.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!GpuBridgeError.is(error, 'CLUSTER_UNAVAILABLE'))
    throw new Error(`expected CLUSTER_UNAVAILABLE, got ${String(error)}`);
  expect(error.details.engine).toBe('nats');
  expect(error.details.reason).toMatch(reason);
  const everything = [
    inspect(error, { depth: 10, showHidden: true }),
    inspect(seen.port, { depth: 10 }),
    ...seen.log.lines,
  ];
  for (const secret of secrets) expect(everything.join('\n')).not.toContain(secret);
}

describeWithNats('the NATS port and security', () => {
  let authority: TestAuthority;
  beforeAll(() => void (authority = createAuthority()));
  afterAll(() => authority?.[Symbol.dispose]());

  it('does all a silo needs over TLS, with no more permissions than the documented ones', async () => {
    await using server = await startNatsServer({ config: `${tlsConfig(authority.server)}\n${ACCOUNT}` });
    const tls = { caFile: authority.caFile };
    const { port, log } = portOf({ servers: [server.url], user: 'silo', password: SECRET, tls });
    try {
      await port.open();
      await exercise(port);
      expect(inspect(port, { depth: 10, showHidden: true })).not.toContain(SECRET);
      expect(log.lines.join('\n')).not.toContain(SECRET);
      expect(log.lines).toEqual([]);
    } finally {
      await port.close();
    }
  });

  it('says that the credentials were refused, at once, and does not repeat them', async () => {
    await using server = await startNatsServer({ config: ACCOUNT });
    for (const credentials of [
      { user: 'silo', password: 'a wrong secret' },
      { token: 'a wrong secret' },
      { nkeySeed: WRONG_SEED },
      {},
    ]) {
      const tried = portOf({ servers: [server.url], startTimeoutMs: 2 ** 31 - 1, ...credentials });
      await expectUnavailable(tried.port.open(), /refused the credentials/, ['a wrong secret', WRONG_SEED], tried);
      await tried.port.close();
    }
  });

  it('connects with a token', async () => {
    await using server = await startNatsServer({ config: `authorization { token: "${SECRET}" }` });
    const { port } = portOf({ servers: [server.url], token: SECRET });
    await port.open();
    expect(inspect(port, { depth: 10, showHidden: true })).not.toContain(SECRET);
    await port.close();
  });

  it('connects with an nkey', async () => {
    await using server = await startNatsServer({ config: `authorization { users: [{ nkey: ${NKEY.publicKey} }] }` });
    const { port } = portOf({ servers: [server.url], nkeySeed: NKEY.seed });
    await port.open();
    expect(inspect(port, { depth: 10, showHidden: true })).not.toContain(NKEY.seed);
    await port.close();
  });

  it('says that a file of credentials is missing or is none', async () => {
    await using server = await startNatsServer();
    const missing = portOf({ servers: [server.url], credentialsFile: '/nowhere/silo.creds' });
    await expectUnavailable(missing.port.open(), /\/nowhere\/silo\.creds/, [], missing);
    const none = portOf({ servers: [server.url], credentialsFile: authority.client.keyFile });
    const [, secretLine] = readFileSync(authority.client.keyFile, 'utf8').split('\n');
    await expectUnavailable(none.port.open(), /is no file of credentials/, [secretLine!], none);
  });

  it('refuses a server whose certificate another authority signed, or that was made for another host', async () => {
    using other = createAuthority();
    await using server = await startNatsServer({ config: tlsConfig(authority.server) });
    const wrong = portOf({ servers: [server.url], tls: { caFile: other.caFile } });
    await expectUnavailable(wrong.port.open(), /certificate is not trusted: .*tls\.caFile/, [], wrong);
    const none = portOf({ servers: [server.url], tls: {} });
    await expectUnavailable(none.port.open(), /certificate is not trusted/, [], none);
    await using strange = await startNatsServer({ config: tlsConfig(authority.strangeServer) });
    const elsewhere = portOf({ servers: [strange.url], tls: { caFile: authority.caFile } });
    await expectUnavailable(elsewhere.port.open(), /certificate is not trusted: .*another host/, [], elsewhere);
  });

  it('demands TLS where it was asked for, and says that a file of it is missing', async () => {
    await using server = await startNatsServer();
    const demanding = portOf({ servers: [server.url], tls: { caFile: authority.caFile } });
    await expectUnavailable(demanding.port.open(), /offers no TLS/, [], demanding);
    await using encrypted = await startNatsServer({ config: tlsConfig(authority.server) });
    const missing = portOf({ servers: [encrypted.url], tls: { caFile: '/nowhere/ca.pem' } });
    await expectUnavailable(missing.port.open(), /\/nowhere\/ca\.pem/, [], missing);
  });

  it('shows its certificate to a server that verifies clients', async () => {
    await using server = await startNatsServer({ config: tlsConfig(authority.server, authority.caFile) });
    const { caFile } = authority;
    const { port } = portOf({ servers: [server.url], tls: { caFile, ...authority.client } });
    await port.open();
    await port.close();
    const without = portOf({ servers: [server.url], tls: { caFile }, connectTimeoutMs: 1_000, startTimeoutMs: 0 });
    await expectUnavailable(without.port.open(), /no answer in time.*tls\.certFile/, [], without);
  });

  it('says which subject the credentials do not allow', async () => {
    await using server = await startNatsServer({ config: ACCOUNT });
    const credentials = { servers: [server.url], user: 'silo', password: SECRET };
    const other = portOf({ ...credentials, clusterId: 'test' });
    await expectUnavailable(other.port.open(), /may not subscribe to _INBOX\.test\./, [SECRET], other);

    const narrow = ACCOUNT.replace('"prod.>", "$KV.>", ', '').replace('subscribe: ["prod.>", ', 'subscribe: [');
    await using narrowServer = await startNatsServer({ config: narrow });
    const tried = portOf({ ...credentials, servers: [narrowServer.url] });
    await tried.port.open();
    const table = await tried.port.openTable('members');
    await expectUnavailable(
      table.create('key', bytes('value')),
      /may not publish to \$KV\.prod_members\.key/,
      [SECRET],
      tried,
    );
    await expectUnavailable(
      tried.port.listen('silo-a.1', nobody),
      /may not subscribe to prod\.silo\.silo-a\.1/,
      [SECRET],
      tried,
    );
    await tried.port.close();
  });

  it('says that JetStream is not enabled', async () => {
    await using server = await startNatsServer({ jetStream: false });
    const tried = portOf({ servers: [server.url] });
    await expectUnavailable(tried.port.open(), /not enabled/, [], tried);
  });

  it('keeps trying while no server is there, then says so', async () => {
    const server = await startNatsServer();
    await server.kill();
    try {
      const early = portOf({ servers: [server.url] });
      const opening = early.port.open();
      await server.start();
      await opening;
      await early.port.close();
      await server.kill();
      const tried = portOf({ servers: [server.url], startTimeoutMs: 200 });
      await expectUnavailable(tried.port.open(), /connection refused/, [], tried);
    } finally {
      await server.stop();
    }
  });
});
