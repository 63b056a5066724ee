import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';

/** What is known of a request that failed: that it did not run, that it may have, or that repeating it changes nothing. */
type Fate = 'did-not-run' | 'unknown' | 'refused';

export interface NatsFailure {
  readonly fate: Fate;
  readonly reason: string;
}

/** API errors of servers that start, or that lead nothing at the moment. */
const NOT_NOW = new Set([
  10_004, // incomplete results: not all servers of the cluster answered
  10_005, // no suitable peers for placement
  10_008, // JetStream system temporarily unavailable
  10_009, // server is not a cluster member leader
  10_023, // insufficient resources, which servers that just started report as well
  10_065, // subjects overlap with an existing stream: another silo makes the same one at this moment
  10_074, // replicas > 1 not supported yet: a server that has not joined its cluster
]);

/** What to make of anything that the client library throws. Its messages hold addresses and subjects, never credentials. */
export function failureOf(error: unknown): NatsFailure {
  if (error instanceof JetStreamApiError) {
    return { fate: NOT_NOW.has(error.code) ? 'did-not-run' : 'refused', reason: `${error.message} (${error.code})` };
  }
  const cause = error instanceof Error ? error.cause : undefined;
  if (error instanceof errors.NoRespondersError)
    return { fate: 'did-not-run', reason: 'no server takes it: JetStream is off, starting, or has no leader' };
  if (error instanceof errors.PermissionViolationError)
    return {
      fate: 'refused',
      reason: `these credentials may not ${error.operation === 'publish' ? 'publish' : 'subscribe'} to ${error.subject}`,
    };
  if (error instanceof errors.TimeoutError) return { fate: 'unknown', reason: 'no answer in time' };
  if ((error instanceof errors.RequestError || error instanceof JetStreamError) && cause !== undefined)
    return failureOf(cause);
  // JetStreamNotEnabled, which the library does not export by itself, wraps what it was made of.
  if (error instanceof Error && error.name === 'JetStreamNotEnabled')
    return cause === undefined ? { fate: 'refused', reason: error.message } : failureOf(cause);
  return { fate: 'unknown', reason: error instanceof Error ? error.message : String(error) };
}

/** Why no connection came about, in words that say what to correct. `isLasting`: trying again will not help. */
export function connectFailureOf(error: unknown): { readonly reason: string; readonly isLasting: boolean } {
  if (error instanceof errors.AuthorizationError)
    return { reason: `the server refused the credentials (${error.message.toLowerCase()})`, isLasting: true };
  if (error instanceof errors.TimeoutError)
    return {
      reason: 'no answer in time: no NATS server is there, or it wants a certificate (tls.certFile)',
      isLasting: false,
    };
  const { code, message } = codeAndMessage(error);
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(code)) {
    const hint =
      code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? 'it was made for another host' : 'is tls.caFile its authority?';
    return { reason: `the server's certificate is not trusted: ${message} (${code}); ${hint}`, isLasting: true };
  }
  if (/^ERR_(SSL|TLS|OSSL)/.test(code)) return { reason: `no TLS connection: ${message} (${code})`, isLasting: true };
  if (code === 'ENOENT' || /doesn't exist/.test(message))
    return { reason: `cannot be read: ${message}`, isLasting: true };
  if (message === 'unable to parse credentials')
    return { reason: 'what credentialsFile names is no file of credentials', isLasting: true };
  if (/tls.*not available|not support 'tls'/.test(message))
    return { reason: 'the server offers no TLS', isLasting: true };
  return { reason: message === '' ? 'no server can be reached' : message, isLasting: false };
}

function codeAndMessage(error: unknown): { code: string; message: string } {
  if (!(error instanceof Error)) return { code: '', message: '' };
  const own = (error as NodeJS.ErrnoException).code;
  const inner = error.cause === undefined ? undefined : codeAndMessage(error.cause);
  return { code: own ?? inner?.code ?? '', message: error.message };
}

/** @param what - what was tried, for the message: `write table members`. */
export function clusterUnavailable(
  what: string,
  reason: string,
  cause?: unknown,
): GpuBridgeError<'CLUSTER_UNAVAILABLE'> {
  return new GpuBridgeError('CLUSTER_UNAVAILABLE', { engine: 'nats', reason }, `cannot ${what}: ${reason}`, { cause });
}
