import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { LogLevel } from '@gpu-bridge/abstractions';
import { describe, expect, it } from 'vitest';
import { PinoLogger } from './pino-logger.js';

function logger(level: LogLevel) {
  const lines: string[] = [];
  const made = new PinoLogger(level, { write: (line) => void lines.push(line) });
  return { logger: made, records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('PinoLogger', () => {
  it('writes a line of JSON per message, from its level up', () => {
    const { logger: log, records } = logger('warn');
    log.debug('nothing', { jobId: 'a' });
    log.info('nothing');
    log.warn('no beat', { tries: 3, address: 'silo-1.1' });
    log.error('a job killed its executors', { jobId: 'a', tenant: 'acme' });
    expect(records()).toMatchObject([
      { level: 'warn', name: 'gpu-bridge', msg: 'no beat', tries: 3, address: 'silo-1.1', pid: process.pid },
      { level: 'error', msg: 'a job killed its executors', jobId: 'a', tenant: 'acme' },
    ]);
    expect(Date.parse(String(records()[0]!['time']))).toBeGreaterThan(0);
  });

  it('tells conditions by their code, message and details, other errors by their stack', () => {
    const { logger: log, records } = logger('warn');
    log.warn('late', {
      error: new GpuBridgeError('DEADLINE_EXCEEDED', { what: 'job a', deadlineNs: 2n ** 60n }, 'it was late'),
    });
    log.warn('bad', { error: GpuBridgeError.invalidArgument('x', new Float32Array(5), 'a number') });
    log.error('broken', { error: new TypeError('why') });
    log.error('odd', { error: 'a string' });
    expect(records().map(({ error }) => error)).toMatchObject([
      {
        code: 'DEADLINE_EXCEEDED',
        message: 'DEADLINE_EXCEEDED: it was late',
        details: { what: 'job a', deadlineNs: '1152921504606846976' },
      },
      { details: { field: 'x', value: '20 bytes' } },
      { type: 'TypeError', message: 'why', stack: expect.stringContaining('pino-logger.test') as string },
      'a string',
    ]);
  });

  it('writes what is below a warning when it is asked to, and nothing when it shall be silent', () => {
    const loud = logger('debug');
    const silent = logger('silent');
    for (const { logger: log } of [loud, silent]) {
      log.debug('a');
      log.info('b');
      log.error('c');
    }
    expect(loud.records().map(({ msg }) => msg)).toEqual(['a', 'b', 'c']);
    expect(silent.records()).toEqual([]);
  });
});
