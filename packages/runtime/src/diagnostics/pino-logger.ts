import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { LogLevel, Logger } from '@gpu-bridge/abstractions';
import { pino } from 'pino';
import type { DestinationStream, Logger as Pino } from 'pino';

type Fields = Readonly<Record<string, unknown>>;

const STANDARD_ERROR = 2;

/**
 * One line of JSON per message, on standard error: standard output is the application's. Lines are written at once and in this
 * thread, since worker threads of a logger neither survive bundling nor a process that ends.
 */
export class PinoLogger implements Logger {
  private readonly log: Pino;

  /** @param destination - gets whole lines; default: standard error. */
  constructor(
    level: LogLevel,
    destination: DestinationStream = pino.destination({ dest: STANDARD_ERROR, sync: true }),
  ) {
    const options = {
      name: 'gpu-bridge',
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }) },
      serializers: { error: describeError },
    };
    this.log = pino(options, destination);
  }

  debug(message: string, fields: Fields = {}): void {
    this.log.debug(fields, message);
  }

  info(message: string, fields: Fields = {}): void {
    this.log.info(fields, message);
  }

  warn(message: string, fields: Fields = {}): void {
    this.log.warn(fields, message);
  }

  error(message: string, fields: Fields = {}): void {
    this.log.error(fields, message);
  }
}

/** A condition is told by its code and message; of anything else it matters where it came from. */
function describeError(error: unknown): unknown {
  if (GpuBridgeError.is(error)) return { code: error.code, message: error.message, details: printable(error.details) };
  if (!(error instanceof Error)) return error;
  return { type: error.name, message: error.message, stack: error.stack };
}

/** Details may hold any value that a caller gave: numbers of 64 bits keep their digits, and columns are not written out. */
function printable(details: object): Fields {
  return Object.fromEntries(
    Object.entries(details).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === 'bigint' ? String(value) : ArrayBuffer.isView(value) ? `${value.byteLength} bytes` : value,
    ]),
  );
}
