import type { Logger } from '@gpu-bridge/abstractions';
import { natsServerAbsence } from '../../../scripts/nats-server.mjs';

export { startNatsCluster, startNatsServer } from '../../../scripts/nats-server.mjs';
export type { NatsServer } from '../../../scripts/nats-server.mjs';

/** Why tests with servers cannot run here; undefined where they can, and where CI=true, so that they fail. */
export const natsAbsence: string | undefined = process.env['CI'] === 'true' ? undefined : natsServerAbsence();

export interface KeptLog extends Logger {
  /** Every line with its fields, for tests of what is told and of what must not be. */
  readonly lines: string[];
}

export function keptLog(): KeptLog {
  const lines: string[] = [];
  const keep = (message: string, fields?: object): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  return { lines, debug: keep, info: keep, warn: keep, error: keep };
}
