import type { GrainId } from '@gpu-bridge/abstractions';
import { ExtData } from '@msgpack/msgpack';
import { decodeValue, encodeValue } from './codec.js';
import type { ValueReader, ValueWriter } from './codec.js';
import { Extension } from './codec/extensions.js';
import { expectFrame } from './message-invalid.js';

/** The references of a silo, as far as they travel. */
export interface ReferenceTable {
  /** @returns undefined for what is no reference of a grain. */
  toId(value: unknown): { readonly grain: GrainId } | undefined;
  /** @throws GpuBridgeError when no such reference can be made. */
  fromId(id: GrainId): object;
}

/** Values with grain references, and on the way to a grain with abort signals. */
export class ReferenceCodec {
  /** For results: plain data and references. */
  readonly writer: ValueWriter = { extend: (value) => this.reference(value) };
  readonly reader: ValueReader = { restore: (extension, data) => this.restore(extension, data) };

  constructor(private readonly references: ReferenceTable) {}

  /** @param signals - gets the signals among the arguments. */
  argumentWriter(signals: AbortSignal[]): ValueWriter {
    return {
      extend: (value) => {
        if (!(value instanceof AbortSignal)) return this.reference(value);
        signals.push(value);
        return new ExtData(Extension.AbortSignal, NO_BYTES);
      },
    };
  }

  /** @param call - whose own signal every signal among its arguments arrives as. */
  argumentReader(call: { readonly own: AbortSignal }): ValueReader {
    return {
      restore: (extension, data) => (extension === Extension.AbortSignal ? call.own : this.restore(extension, data)),
    };
  }

  private reference(value: object): ExtData | undefined {
    const id = this.references.toId(value);
    return id === undefined
      ? undefined
      : new ExtData(Extension.GrainReference, encodeValue([id.grain.type, id.grain.key], 'reference'));
  }

  private restore(extension: number, data: Uint8Array): object | undefined {
    if (extension !== Extension.GrainReference) return undefined;
    const fields = decodeValue(data);
    expectFrame(Array.isArray(fields) && fields.length === 2, 'a reference of other fields');
    const [type, key] = fields as unknown[];
    expectFrame(typeof type === 'string' && typeof key === 'string', 'a reference of no grain');
    return this.references.fromId({ type, key });
  }
}

const NO_BYTES = new Uint8Array(0);
