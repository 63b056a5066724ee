/** Growing byte sequence with the number formats of the WebAssembly binary format. */
export class ByteWriter {
  readonly bytes: number[] = [];

  u8(...values: readonly number[]): this {
    for (const value of values) this.bytes.push(value & 0xff);
    return this;
  }

  append(bytes: readonly number[]): this {
    // Not spread: a body can be longer than the argument limit.
    for (const byte of bytes) this.bytes.push(byte);
    return this;
  }

  /** Unsigned LEB128 of a value below 2^32. */
  u32(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.bytes.push((rest & 0x7f) | 0x80);
      rest = Math.floor(rest / 128);
    }
    this.bytes.push(rest);
    return this;
  }

  /** Signed LEB128. */
  s32(value: number): this {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) {
        this.bytes.push(low);
        return this;
      }
      this.bytes.push(low | 0x80);
    }
  }

  s64(value: bigint): this {
    let rest = value;
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) {
        this.bytes.push(low);
        return this;
      }
      this.bytes.push(low | 0x80);
    }
  }

  f32(value: number): this {
    return this.append([...new Uint8Array(new Float32Array([value]).buffer)]);
  }

  f64(value: number): this {
    return this.append([...new Uint8Array(new Float64Array([value]).buffer)]);
  }

  /** Length-prefixed UTF-8. */
  name(text: string): this {
    const bytes = [...new TextEncoder().encode(text)];
    return this.u32(bytes.length).append(bytes);
  }
}
