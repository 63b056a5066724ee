/** Writes ONNX models: the few protobuf messages of one graph. @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 */

/** Element types by their number in `TensorProto.DataType`. */
const DATA_TYPE = { float32: 1, int64: 7 } as const;
type OnnxType = keyof typeof DATA_TYPE;

export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
}

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, number | string>>;
}

export interface OnnxGraph {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly constants: readonly (OnnxValue & { readonly data: Uint8Array })[];
  readonly nodes: readonly OnnxNode[];
}

const IR_VERSION = 8;
const OPSET = 18;

export function encodeModel({ inputs, outputs, constants, nodes }: OnnxGraph): Uint8Array {
  const graph = message(
    ...nodes.map((node) => bytes(1, encodeNode(node))),
    text(2, 'graph'),
    ...constants.map(({ name, type, shape, data }) =>
      bytes(5, message(...shape.map((n) => integer(1, n)), integer(2, DATA_TYPE[type]), text(8, name), bytes(9, data))),
    ),
    ...inputs.map((value) => bytes(11, encodeValue(value))),
    ...outputs.map((value) => bytes(12, encodeValue(value))),
  );
  return message(integer(1, IR_VERSION), bytes(7, graph), bytes(8, integer(2, OPSET)));
}

function encodeNode({ op, inputs, output, attributes = {} }: OnnxNode): Uint8Array {
  const encoded = Object.entries(attributes).map(([name, value]) =>
    typeof value === 'string'
      ? message(text(1, name), text(4, value), integer(20, 3))
      : message(text(1, name), integer(3, value), integer(20, 2)),
  );
  return message(
    ...inputs.map((input) => text(1, input)),
    text(2, output),
    text(4, op),
    ...encoded.map((attribute) => bytes(5, attribute)),
  );
}

function encodeValue({ name, type, shape }: OnnxValue): Uint8Array {
  const dims = message(...shape.map((n) => bytes(1, integer(1, n))));
  const tensor = message(integer(1, DATA_TYPE[type]), bytes(2, dims));
  return message(text(1, name), bytes(2, bytes(1, tensor)));
}

function message(...fields: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(fields);
}

function integer(field: number, value: number): Uint8Array {
  return Uint8Array.from([...varint(field * 8), ...varint(value)]);
}

function bytes(field: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.from([...varint(field * 8 + 2), ...varint(content.length)]), content]);
}

function text(field: number, content: string): Uint8Array {
  return bytes(field, Buffer.from(content));
}

function varint(value: number): number[] {
  const out: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...out, rest];
    out.push((rest % 128) + 128);
  }
}
