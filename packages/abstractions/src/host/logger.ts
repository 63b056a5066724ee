export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** The least that is written. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Structured log sink; the default writes lines of JSON to standard error. What is logged about a job has its `jobId` and `tenant`. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}
