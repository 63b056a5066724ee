import type { Logger } from '@gpu-bridge/abstractions';
import { describe, it } from 'vitest';
import { natsServerAbsence } from '../../../scripts/nats-server.mjs';

export { startNatsCluster, startNatsServer } from '../../../scripts/nats-server.mjs';

/** Tests with servers: skipped, with the reason, where there are none to start; with CI=true they fail there. */
export function describeWithNats(name: string, body: () => void): void {
  const absence = process.env['CI'] === 'true' ? undefined : natsServerAbsence();
  if (absence === undefined) describe(name, body);
  else describe(name, () => it.skip(`skipped: ${absence}`));
}

export interface KeptLog extends Logger {
  /** Every line with its fields, for tests of what is told and of what must not be. */
  readonly lines: string[];
}

export function keptLog(): KeptLog {
  const lines: string[] = [];
  const keep = (message: string, fields?: object): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  return { lines, debug: keep, info: keep, warn: keep, error: keep };
}
