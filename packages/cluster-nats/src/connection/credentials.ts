import { readFileSync } from 'node:fs';
import {
  credsAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import type { Authenticator } from '@nats-io/transport-node';
import type { ResolvedNatsClusterOptions } from '../port/nats-cluster-options.js';

/** Answers a server's challenge. The secrets live in its closure, where no log and no inspection of an object finds them. */
export function authenticatorOf(options: ResolvedNatsClusterOptions): Authenticator | undefined {
  const { user, password, token, nkeySeed, credentialsFile } = options;
  if (user !== undefined) return usernamePasswordAuthenticator(user, password);
  if (token !== undefined) return tokenAuthenticator(token);
  if (nkeySeed !== undefined) return nkeyAuthenticator(new TextEncoder().encode(nkeySeed));
  if (credentialsFile !== undefined) return credsAuthenticator(rereading(credentialsFile));
  return undefined;
}

/**
 * A file that must be there at first. Later, while it is being replaced, what was read last will do: an authenticator that
 * throws ends the connection for good.
 */
function rereading(path: string): () => Uint8Array {
  let last: Uint8Array = readFileSync(path);
  return () => {
    try {
      last = readFileSync(path);
    } catch {
      // The server says whether the old ones are still good.
    }
    return last;
  };
}
