import { GpuBridgeError } from '@gpu-bridge/abstractions';
import { ExtData } from '@msgpack/msgpack';
import { Extension, bigIntBytes, int64Bytes, isInt64, typedArrayExtension } from './extensions.js';
import { MAX_DEPTH } from './structure.js';

/** What a value may hold beside plain data, where it is encoded for more than keeping. */
export interface ValueWriter {
  /** @returns how an object that is no plain data travels; undefined to refuse it. */
  extend(value: object): ExtData | undefined;
}

/** A value as the library encodes it without loss. */
export interface PreparedValue {
  readonly value: unknown;
  /** Bytes of binary data and long strings in it: what its size depends on most. */
  readonly bulkBytes: number;
}

/**
 * Checks that a value is plain data, and replaces what the library would change: it knows no `undefined`, no `-0` and no
 * typed arrays, and takes an instance of a class for an object.
 *
 * @param root - what the value is called in errors.
 * @throws GpuBridgeError `INVALID_ARGUMENT` naming the path of what is no plain data.
 */
export function prepare(value: unknown, root: string, writer: ValueWriter | undefined): PreparedValue {
  const preparation = new Preparation(root, writer);
  const prepared = preparation.visit(value, undefined, '');
  return { value: prepared, bulkBytes: preparation.bulkBytes };
}

/** Where a container lies; a path is put together only when something is refused. */
interface Place {
  readonly parent: Place | undefined;
  readonly key: string | number;
  readonly depth: number;
}

class Preparation {
  bulkBytes = 0;

  constructor(
    private readonly root: string,
    private readonly writer: ValueWriter | undefined,
  ) {}

  visit(value: unknown, parent: Place | undefined, key: string | number): unknown {
    switch (typeof value) {
      case 'boolean':
        return value;
      case 'number':
        return Object.is(value, -0) ? NEGATIVE_ZERO : value;
      case 'string':
        return this.string(value);
      case 'undefined':
        return UNDEFINED;
      case 'bigint':
        return isInt64(value)
          ? new ExtData(Extension.BigInt64, int64Bytes(value))
          : this.bulk(Extension.BigIntAny, bigIntBytes(value));
      case 'object':
        return value === null ? null : this.object(value, parent, key);
      default:
        return this.refuse(value, parent, key, EXPECTED);
    }
  }

  private string(value: string): unknown {
    if (value.length > 64) this.bulkBytes += value.length * 3;
    return survivesUtf8(value) ? value : this.bulk(Extension.String16, Buffer.from(value, 'utf16le'));
  }

  private object(value: object, parent: Place | undefined, key: string | number): unknown {
    if (ArrayBuffer.isView(value)) {
      const extension = typedArrayExtension(value);
      if (extension === undefined || !LITTLE_ENDIAN) return this.refuse(value, parent, key, EXPECTED);
      return this.bulk(extension, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    }
    const prototype = Object.getPrototypeOf(value) as object | null;
    // Known by their prototypes' own nature, which is the same in every realm: the one of arrays is an array itself.
    const isArray = Array.isArray(value) && Array.isArray(prototype);
    if (!isArray && prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      if (value instanceof ArrayBuffer) return this.bulk(Extension.ArrayBuffer, new Uint8Array(value));
      return this.writer?.extend(value) ?? this.refuse(value, parent, key, EXPECTED);
    }
    const depth = parent === undefined ? 1 : parent.depth + 1;
    if (depth > MAX_DEPTH)
      return this.refuse(value, parent, key, `at most ${MAX_DEPTH} levels deep, and without a cycle`);
    const place = { parent, key, depth };
    return isArray ? this.array(value as unknown[], place) : this.properties(value as Record<string, unknown>, place);
  }

  /** The array itself, or a copy where something had to be replaced. */
  private array(value: unknown[], place: Place): unknown[] {
    let copy: unknown[] | undefined;
    for (let i = 0; i < value.length; i++) {
      const item = value[i];
      const prepared = this.visit(item, place, i);
      if (copy !== undefined) copy.push(prepared);
      else if (prepared !== item) (copy = value.slice(0, i)).push(prepared);
    }
    return copy ?? value;
  }

  private properties(value: Record<string, unknown>, place: Place): Record<string, unknown> {
    let copy: Record<string, unknown> | undefined;
    for (const name of Object.keys(value)) {
      if (name === '__proto__' || !survivesUtf8(name)) {
        this.refuse(name, place, name, 'a property name of well-formed Unicode, and not __proto__');
      }
      const property = value[name];
      const prepared = this.visit(property, place, name);
      if (prepared !== property) (copy ??= { ...value })[name] = prepared;
    }
    return copy ?? value;
  }

  private bulk(extension: number, bytes: Uint8Array): ExtData {
    this.bulkBytes += bytes.byteLength;
    return new ExtData(extension, bytes);
  }

  private refuse(value: unknown, parent: Place | undefined, key: string | number, expected: string): never {
    throw GpuBridgeError.invalidArgument(this.root + pathOf(parent, key), value, expected);
  }
}

const EXPECTED =
  'plain data (undefined, null, booleans, numbers, bigints, strings, arrays, plain objects, typed arrays, ArrayBuffers)';

const UNDEFINED = new ExtData(Extension.Undefined, new Uint8Array(0));
const NEGATIVE_ZERO = new ExtData(Extension.NegativeZero, new Uint8Array(0));

/** Typed arrays travel as they lie in memory; Node runs on big-endian machines too, but nothing of ours was tried there. */
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * Whether a string comes back from the library as it was. UTF-8 has no lone surrogates, and long strings are decoded by a
 * `TextDecoder` that drops a byte order mark.
 */
function survivesUtf8(value: string): boolean {
  // TypeScript declares `isWellFormed` with ES2024; Node 20 has it.
  return value.charCodeAt(0) !== 0xfeff && (value as string & { isWellFormed(): boolean }).isWellFormed();
}

function pathOf(place: Place | undefined, key: string | number): string {
  if (place === undefined) return '';
  const step = typeof key === 'number' ? `[${key}]` : IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
  return pathOf(place.parent, place.key) + step;
}
const IDENTIFIER = /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u;
