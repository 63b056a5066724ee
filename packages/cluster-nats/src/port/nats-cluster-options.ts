import { GpuBridgeError, checkInteger } from '@gpu-bridge/abstractions';

/** How NATS servers are reached, and what is kept there. Only `servers` and `clusterId` must be given. */
export interface NatsClusterOptions {
  /** Addresses, `host:port` or `nats://host:port`, 1 … 32. Other servers of the same NATS cluster are found through them. */
  readonly servers: readonly string[];
  /**
   * Name of the cluster of silos, 1 … 32 characters of `A-Z a-z 0-9 -`. Subjects, buckets and streams begin with it: silos
   * with different names do not see each other.
   */
  readonly clusterId: string;
  /** Servers that keep each table and stream: 1, 3 or 5. Default 1; with 3, one of them may fail. */
  readonly replicas?: 1 | 3 | 5;
  /** Where the servers keep tables and streams: `file` (default), or `memory`, which is lost when they stop. */
  readonly storage?: 'file' | 'memory';
  /** Name of the connection in the servers' reports, 1 … 64 characters. Default `gpu-bridge`. */
  readonly connectionName?: string;
  /** User name, with `password`. */
  readonly user?: string;
  /** Password of `user`. */
  readonly password?: string;
  /** Token, instead of a user. */
  readonly token?: string;
  /** Seed of a user's nkey (`SU…`), instead of a user. */
  readonly nkeySeed?: string;
  /** Path of a `.creds` file, instead of a user; read again for every connection. */
  readonly credentialsFile?: string;
  /** Demands TLS; `{}` trusts the authorities that Node trusts. Default: TLS where a server demands it. */
  readonly tls?: NatsTlsOptions;
  /** Longest time of one attempt to connect, TLS and credentials included, ms, 100 … 2^31 − 1. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** How long opening keeps trying while no server answers or none leads, ms, 0 … 2^31 − 1. Default 30,000. */
  readonly startTimeoutMs?: number;
  /** Longest pause between attempts to reconnect, ms, 10 … 2^31 − 1. They begin at 10 ms and double. Default 2,000. */
  readonly maxReconnectDelayMs?: number;
  /** Longest wait for one answer, ms, 10 … 2^31 − 1. Default 1,000. */
  readonly requestTimeoutMs?: number;
  /**
   * How long requests are repeated that certainly did not run, and reads that were not answered, ms, 0 … 2^31 − 1. A write
   * that may have run is never repeated. Default 3,000.
   */
  readonly retryForMs?: number;
  /** How often the server must give a sign of life, ms, 100 … 2^31 − 1; the connection ends after two without. Default 2,000. */
  readonly pingIntervalMs?: number;
}

/** Paths of PEM files; read again for every connection. */
export interface NatsTlsOptions {
  /** Authorities that sign the servers' certificates. */
  readonly caFile?: string;
  /** Own certificate, for servers that verify their clients; with `keyFile`. */
  readonly certFile?: string;
  /** Key of `certFile`. */
  readonly keyFile?: string;
}

type Optional = 'user' | 'password' | 'token' | 'nkeySeed' | 'credentialsFile' | 'tls';

export type ResolvedNatsClusterOptions = Required<Omit<NatsClusterOptions, Optional>> &
  Pick<NatsClusterOptions, Optional>;

const FIELDS = [
  ...['servers', 'clusterId', 'replicas', 'storage', 'connectionName', 'user', 'password', 'token', 'nkeySeed'],
  ...['credentialsFile', 'tls', 'connectTimeoutMs', 'startTimeoutMs', 'maxReconnectDelayMs', 'requestTimeoutMs'],
  ...['retryForMs', 'pingIntervalMs'],
];
const TLS_FIELDS = ['caFile', 'certFile', 'keyFile'];
/** Stands in errors where a secret would. */
const HIDDEN = '(hidden)';
/** Timers take a signed 32-bit delay. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Checks every option and fills in the defaults. What it throws never shows a secret.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT` for an unknown option or a value out of its range.
 */
export function resolveNatsClusterOptions(options: NatsClusterOptions): ResolvedNatsClusterOptions {
  known('options', options, FIELDS);
  const { replicas = 1, storage = 'file' } = options;
  if (![1, 3, 5].includes(replicas))
    throw GpuBridgeError.invalidArgument('options.replicas', replicas, 'one of 1, 3, 5');
  if (!['file', 'memory'].includes(storage))
    throw GpuBridgeError.invalidArgument('options.storage', storage, 'one of file, memory');
  return {
    servers: serversOf(options.servers),
    clusterId: text('clusterId', options.clusterId, 32, /^[A-Za-z0-9-]+$/, 'of A-Z a-z 0-9 -'),
    replicas,
    storage,
    connectionName: text('connectionName', options.connectionName ?? 'gpu-bridge', 64),
    ...credentialsOf(options),
    ...(options.tls === undefined ? {} : { tls: tlsOf(options.tls) }),
    connectTimeoutMs: checkInteger('options.connectTimeoutMs', options.connectTimeoutMs ?? 5_000, 100, MAX_DELAY_MS),
    startTimeoutMs: checkInteger('options.startTimeoutMs', options.startTimeoutMs ?? 30_000, 0, MAX_DELAY_MS),
    maxReconnectDelayMs: checkInteger(
      'options.maxReconnectDelayMs',
      options.maxReconnectDelayMs ?? 2_000,
      10,
      MAX_DELAY_MS,
    ),
    requestTimeoutMs: checkInteger('options.requestTimeoutMs', options.requestTimeoutMs ?? 1_000, 10, MAX_DELAY_MS),
    retryForMs: checkInteger('options.retryForMs', options.retryForMs ?? 3_000, 0, MAX_DELAY_MS),
    pingIntervalMs: checkInteger('options.pingIntervalMs', options.pingIntervalMs ?? 2_000, 100, MAX_DELAY_MS),
  };
}

function known(field: string, value: unknown, fields: readonly string[]): void {
  if (typeof value !== 'object' || value === null) throw GpuBridgeError.invalidArgument(field, HIDDEN, 'an object');
  for (const name of Object.keys(value)) {
    if (!fields.includes(name))
      throw GpuBridgeError.invalidArgument(`${field}.${name}`, name, `one of ${fields.join(', ')}`);
  }
}

function serversOf(servers: unknown): readonly string[] {
  if (!Array.isArray(servers) || servers.length < 1 || servers.length > 32)
    throw GpuBridgeError.invalidArgument('options.servers', servers, 'a list of 1..32 addresses');
  const expected = 'host:port or nats://host:port; credentials and TLS have options of their own';
  return servers.map((server: unknown, i) => {
    if (typeof server === 'string' && /^(nats:\/\/)?([\w.-]+|\[[\da-fA-F:]+\])(:\d{1,5})?$/.test(server)) return server;
    // An address that is none may hold a password.
    throw GpuBridgeError.invalidArgument(`options.servers[${i}]`, HIDDEN, expected);
  });
}

/** At most one kind of credentials. */
function credentialsOf(options: NatsClusterOptions): Pick<NatsClusterOptions, Optional> {
  const kinds = (['user', 'token', 'nkeySeed', 'credentialsFile'] as const).filter((f) => options[f] !== undefined);
  if (kinds.length > 1)
    throw GpuBridgeError.invalidArgument('options', kinds.join(', '), 'given one kind of credentials at most');
  if ((options.user === undefined) !== (options.password === undefined))
    throw GpuBridgeError.invalidArgument('options.password', HIDDEN, 'given together with user');
  const { user, password, token, nkeySeed, credentialsFile } = options;
  if (user !== undefined) return { user: text('user', user, 1_024), password: secret('password', password) };
  if (token !== undefined) return { token: secret('token', token) };
  if (nkeySeed !== undefined)
    return { nkeySeed: secret('nkeySeed', nkeySeed, /^SU[A-Z2-7]{56}$/, "the seed of a user's nkey, SU…") };
  if (credentialsFile !== undefined) return { credentialsFile: text('credentialsFile', credentialsFile, 4_096) };
  return {};
}

function tlsOf(tls: NatsTlsOptions): NatsTlsOptions {
  known('options.tls', tls, TLS_FIELDS);
  for (const field of ['caFile', 'certFile', 'keyFile'] as const) {
    if (tls[field] !== undefined) text(`tls.${field}`, tls[field], 4_096);
  }
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined))
    throw GpuBridgeError.invalidArgument('options.tls.keyFile', tls.keyFile, 'given together with certFile');
  return { ...tls };
}

function text(field: string, value: unknown, most: number, form = /^[^\0\r\n]+$/, alphabet = ''): string {
  if (typeof value === 'string' && value.length >= 1 && value.length <= most && form.test(value)) return value;
  throw GpuBridgeError.invalidArgument(
    `options.${field}`,
    value,
    `a string of 1..${most} characters ${alphabet}`.trim(),
  );
}

function secret(field: string, value: unknown, form = /^[^\0\r\n]+$/, expected = 'a string that is not empty'): string {
  if (typeof value === 'string' && form.test(value)) return value;
  throw GpuBridgeError.invalidArgument(`options.${field}`, HIDDEN, expected);
}
