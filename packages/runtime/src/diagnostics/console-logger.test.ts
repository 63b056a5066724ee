import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ConsoleLogger } from './console-logger.js';

afterEach(() => void vi.restoreAllMocks());

describe('ConsoleLogger', () => {
  it('writes warnings and errors in a line each, conditions by their message, and nothing else', () => {
    const lines: unknown[] = [];
    vi.spyOn(process.stderr, 'write').mockImplementation((line) => lines.push(line) > 0);
    const logger = new ConsoleLogger();
    logger.debug();
    logger.info();
    const error = new GpuBridgeError('CLUSTER_UNAVAILABLE', { engine: 'nats', reason: 'away' }, 'nobody answers');
    logger.warn('no beat', { error, tries: 3, address: 'silo-1.1' });
    logger.error('broken', { error: new TypeError('why') });
    expect(lines[0]).toBe(
      'gpu-bridge warn: no beat error=CLUSTER_UNAVAILABLE: nobody answers tries=3 address=silo-1.1\n',
    );
    expect(lines[1]).toContain('gpu-bridge error: broken error=TypeError: why');
    expect(lines).toHaveLength(2);
  });
});
