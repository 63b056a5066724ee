import { checkedColumns, kernelInputs, newColumn } from './item-columns.js';
import type { InputColumns, InputLayout, ItemColumns, StoredArray } from './item-columns.js';

/** Who appended a push to a log. */
export interface PushOrigin {
  readonly activationId: string;
  /** Counts the pushes of the activation. */
  readonly number: number;
}

interface Head extends PushOrigin {
  /** By input, in order of declaration: name, then elements of each column, then of the offsets where there are any. */
  readonly inputs: readonly (readonly [name: string, lengths: readonly number[], offsets: number | null])[];
  readonly itemCount: number;
}

/** Bytes at which every part begins. */
const ALIGN = 8;
const aligned = (bytes: number): number => Math.ceil(bytes / ALIGN) * ALIGN;

/** A push as bytes: length of the head (u32), head (JSON), then the arrays as they lie in memory, each on 8 bytes. */
export function encodePush(layouts: readonly InputLayout[], items: ItemColumns, origin: PushOrigin): Uint8Array {
  const used = items.inputs.map((input) => usedColumns(input, items.itemCount));
  const inputs = layouts.map(({ name }, i) => {
    const { offsets, columns } = used[i]!;
    return [name, columns.map(({ length }) => length), offsets?.length ?? null] as const;
  });
  const head = Buffer.from(JSON.stringify({ ...origin, inputs, itemCount: items.itemCount } satisfies Head));
  const arrays = used.flatMap(({ offsets, columns }) => (offsets === undefined ? columns : [offsets, ...columns]));
  const headBytes = aligned(4 + head.byteLength);
  const bytes = new Uint8Array(arrays.reduce((sum, { byteLength }) => sum + aligned(byteLength), headBytes));
  new DataView(bytes.buffer).setUint32(0, head.byteLength, true);
  bytes.set(head, 4);
  let at = headBytes;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += aligned(array.byteLength);
  }
  return bytes;
}

/** @returns undefined for bytes that are no push to a kernel with these inputs. */
export function decodePush(
  layouts: readonly InputLayout[],
  bytes: Uint8Array,
): { readonly items: ItemColumns; readonly origin: PushOrigin } | undefined {
  try {
    return decode(layouts, bytes);
  } catch {
    return undefined;
  }
}

function decode(layouts: readonly InputLayout[], bytes: Uint8Array) {
  const headBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const { inputs, itemCount, ...origin } = JSON.parse(Buffer.from(bytes.subarray(4, 4 + headBytes)).toString()) as Head;
  let at = aligned(4 + headBytes);
  const read = <T extends StoredArray>(array: T): T => {
    const target = new Uint8Array(array.buffer);
    if (at + target.byteLength > bytes.byteLength) throw new Error('the bytes end within a column');
    target.set(bytes.subarray(at, at + target.byteLength));
    at += aligned(target.byteLength);
    return array;
  };
  const decoded = layouts.map(({ name, kind, columns }, i): InputColumns => {
    const [givenName, lengths, offsetCount] = inputs[i]!;
    const isAsDeclared =
      name === givenName && lengths.length === columns.length && (offsetCount !== null) === (kind === 'list');
    if (!isAsDeclared) throw new Error('the push is for another kernel');
    const offsets = offsetCount === null ? undefined : read(new Uint32Array(offsetCount));
    return { offsets, columns: columns.map(({ dtype }, c) => read(newColumn(dtype, lengths[c]!))) };
  });
  // Counts and offsets are checked as those of a push are.
  return { items: checkedColumns(layouts, kernelInputs(layouts, { itemCount, inputs: decoded })), origin };
}

/** Columns of lists may be longer than their offsets need. */
function usedColumns({ offsets, columns }: InputColumns, itemCount: number): InputColumns {
  if (offsets === undefined) return { offsets, columns };
  return { offsets, columns: columns.map((column) => column.subarray(0, offsets[itemCount])) };
}
