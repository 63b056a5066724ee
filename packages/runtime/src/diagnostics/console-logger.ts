import { inspect } from 'node:util';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { Logger } from '@gpu-bridge/abstractions';

/** Writes warnings and errors to standard error, one line each; drops the rest. */
export class ConsoleLogger implements Logger {
  debug(): void {
    // Below the threshold of the default logger.
  }

  info(): void {
    // Below the threshold of the default logger.
  }

  warn(message: string, fields?: Readonly<Record<string, unknown>>): void {
    write('warn', message, fields);
  }

  error(message: string, fields?: Readonly<Record<string, unknown>>): void {
    write('error', message, fields);
  }
}

function write(level: string, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
  const text = Object.entries(fields).map(([name, value]) => ` ${name}=${format(value)}`);
  process.stderr.write(`gpu-bridge ${level}: ${message}${text.join('')}\n`);
}

function format(value: unknown): string {
  if (typeof value === 'string') return value;
  // A condition is told by its message; of anything else it matters where it came from.
  return GpuBridgeError.is(value) ? value.message : inspect(value, { breakLength: Infinity, depth: 2 });
}
