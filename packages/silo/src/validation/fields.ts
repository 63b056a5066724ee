import { GpuBridgeError } from '@gpu-bridge/abstractions';

/** Fields of decoded data, each checked when it is read. Everything throws `MESSAGE_INVALID` for what it does not expect. */
export class Fields {
  private readonly fields: Readonly<Record<string, unknown>>;

  /** @param what - names the data in errors. */
  constructor(
    private readonly what: string,
    value: unknown,
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(what, 'is no object');
    this.fields = value as Readonly<Record<string, unknown>>;
  }

  string(name: string, maxLength: number): string {
    const value = this.fields[name];
    if (typeof value === 'string' && value.length <= maxLength) return value;
    throw invalid(this.what, `has no ${name} of at most ${maxLength} characters`);
  }

  boolean(name: string): boolean {
    const value = this.fields[name];
    if (typeof value === 'boolean') return value;
    throw invalid(this.what, `has no boolean ${name}`);
  }

  /** At least 0; infinite too. */
  amount(name: string): number {
    const value = this.fields[name];
    if (typeof value === 'number' && value >= 0) return value;
    throw invalid(this.what, `has no number ${name} of at least 0`);
  }

  /** A safe integer, at least 0. */
  count(name: string): number {
    const value = this.fields[name];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw invalid(this.what, `has no whole number ${name} of at least 0`);
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T {
    const found = allowed.find((each) => each === this.fields[name]);
    if (found !== undefined) return found;
    throw invalid(this.what, `has no ${name} of ${allowed.join(', ')}`);
  }

  strings(name: string): readonly string[] {
    return this.list(name).map((value) => {
      if (typeof value === 'string') return value;
      throw invalid(this.what, `has ${name} that are no strings`);
    });
  }

  list(name: string): readonly unknown[] {
    const value = this.fields[name];
    if (Array.isArray(value)) return value;
    throw invalid(this.what, `has no list ${name}`);
  }

  /** As it came. */
  raw(name: string): unknown {
    return this.fields[name];
  }

  /** Refuses the whole of it. */
  check(condition: boolean, fault: string): void {
    if (!condition) throw invalid(this.what, fault);
  }
}

function invalid(what: string, reason: string): GpuBridgeError<'MESSAGE_INVALID'> {
  return new GpuBridgeError('MESSAGE_INVALID', { reason: `${what} ${reason}` }, `${what} ${reason}`);
}
