const SCRATCH = new DataView(new ArrayBuffer(8));

/** Growing byte sequence with the number formats of the WebAssembly binary format. */
export class ByteWriter {
  private buffer = new Uint8Array(256);
  private length = 0;

  /** What was written so far; only until something else is. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.buffer.subarray(0, this.length);
  }

  u8(value: number): this {
    if (this.length === this.buffer.length) this.reserve(1);
    this.buffer[this.length++] = value;
    return this;
  }

  append(bytes: ArrayLike<number>): this {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  /** Unsigned LEB128 of a value below 2^32. */
  u32(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest & 0x7f) | 0x80);
      rest = Math.floor(rest / 128);
    }
    return this.u8(rest);
  }

  /** Signed LEB128. */
  s32(value: number): this {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) return this.u8(low);
      this.u8(low | 0x80);
    }
  }

  s64(value: bigint): this {
    let rest = value;
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) return this.u8(low);
      this.u8(low | 0x80);
    }
  }

  f32(value: number): this {
    SCRATCH.setFloat32(0, value, true);
    return this.fromScratch(4);
  }

  f64(value: number): this {
    SCRATCH.setFloat64(0, value, true);
    return this.fromScratch(8);
  }

  /** Length-prefixed UTF-8. */
  name(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u32(bytes.length).append(bytes);
  }

  private fromScratch(count: number): this {
    for (let i = 0; i < count; i++) this.u8(SCRATCH.getUint8(i));
    return this;
  }

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const grown = new Uint8Array(2 * (this.length + count));
    grown.set(this.buffer);
    this.buffer = grown;
  }
}
