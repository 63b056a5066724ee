import { floats } from './peer.js';
import { encodeModel } from './onnx-model.js';
import type { OnnxGraph, OnnxNode, OnnxValue } from './onnx-model.js';
import type { LoadPeer, PeerForm } from './peer.js';

/** What this file uses of onnxruntime-node 1. */
interface OnnxTensor {
  readonly data: ArrayLike<number>;
}
interface Ort {
  readonly Tensor: new (
    type: 'float32' | 'int64',
    data: Float32Array | BigInt64Array,
    dims: readonly number[],
  ) => OnnxTensor;
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: { intraOpNumThreads: number; interOpNumThreads: number; extra: object },
    ): Promise<{ run(feeds: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>> }>;
  };
}

interface Model {
  readonly kernel: PeerForm['kernel'];
  readonly graph: OnnxGraph;
  readonly feeds: Readonly<Record<string, OnnxTensor>>;
}

/**
 * onnxruntime-node: whole arrays, operation by operation, from models written here. A loop that ends at another step for
 * every element (Mandelbrot, triangles) is not something its operations express.
 */
export const loadOnnx: LoadPeer = async ({ vadd, blackScholes, histogram, blockSum }, requirePeer) => {
  const ort = requirePeer('onnxruntime-node') as Ort;
  const vector = (values: Float32Array<ArrayBuffer>): OnnxTensor => new ort.Tensor('float32', values, [values.length]);
  const models: Model[] = [
    {
      kernel: 'vadd',
      graph: elementwise(vadd.columns.a!.length, ['a', 'b'], ['c'], [node('Add', 'c', 'a', 'b')]),
      feeds: { a: vector(floats(vadd, 'a')), b: vector(floats(vadd, 'b')) },
    },
    {
      kernel: 'blackScholes',
      graph: blackScholesGraph(
        blackScholes.columns.spot!.length,
        blackScholes.columns.rate![0]!,
        blackScholes.columns.volatility![0]!,
      ),
      feeds: {
        spot: vector(floats(blackScholes, 'spot')),
        strike: vector(floats(blackScholes, 'strike')),
        years: vector(floats(blackScholes, 'years')),
      },
    },
    {
      kernel: 'histogram',
      ...histogramModel(ort, histogram.columns.x!),
    },
    {
      kernel: 'blockSum',
      ...blockSumModel(ort, floats(blockSum, 'x')),
    },
  ];
  const forms: PeerForm[] = [];
  for (const { kernel, graph, feeds } of models) {
    for (const threads of [1, 2] as const) {
      // Threads that spin after a run would take time from what is measured next.
      const extra = { session: { intra_op: { allow_spinning: '0' } } };
      const options = { intraOpNumThreads: threads, interOpNumThreads: 1, extra };
      const session = await ort.InferenceSession.create(encodeModel(graph), options);
      forms.push({
        ...{ kernel, name: 'onnxruntime', threads },
        run: async () => {
          const results = await session.run(feeds);
          return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data]));
        },
      });
    }
  }
  return forms;
};

function node(op: string, output: string, ...inputs: string[]): OnnxNode {
  return { op, output, inputs };
}

function value(name: string, ...shape: number[]): OnnxValue {
  return { name, type: 'float32', shape };
}

function scalar(name: string, x: number): OnnxGraph['constants'][number] {
  return { ...value(name), data: new Uint8Array(Float32Array.of(x).buffer) };
}

function elementwise(
  length: number,
  inputs: readonly string[],
  outputs: readonly string[],
  nodes: readonly OnnxNode[],
  constants: OnnxGraph['constants'] = [],
): OnnxGraph {
  return {
    ...{ nodes, constants },
    inputs: inputs.map((name) => value(name, length)),
    outputs: outputs.map((name) => value(name, length)),
  };
}

function blackScholesGraph(length: number, rate: number, volatility: number): OnnxGraph {
  const normal = (output: string, x: string): OnnxNode[] => [
    node('Mul', `${output}_scaled`, x, 'sqrtHalf'),
    node('Erf', `${output}_erf`, `${output}_scaled`),
    node('Add', `${output}_shifted`, `${output}_erf`, 'one'),
    node('Mul', output, `${output}_shifted`, 'half'),
  ];
  return elementwise(
    length,
    ['spot', 'strike', 'years'],
    ['call', 'put'],
    [
      node('Sqrt', 'root', 'years'),
      node('Mul', 'deviation', 'root', 'volatility'),
      node('Div', 'ratio', 'spot', 'strike'),
      node('Log', 'log', 'ratio'),
      node('Mul', 'drift', 'years', 'driftRate'),
      node('Add', 'sum', 'log', 'drift'),
      node('Div', 'd1', 'sum', 'deviation'),
      node('Sub', 'd2', 'd1', 'deviation'),
      ...normal('n1', 'd1'),
      ...normal('n2', 'd2'),
      node('Mul', 'exponent', 'years', 'minusRate'),
      node('Exp', 'discount', 'exponent'),
      node('Mul', 'discounted', 'strike', 'discount'),
      node('Mul', 'gain', 'spot', 'n1'),
      node('Mul', 'cost', 'discounted', 'n2'),
      node('Sub', 'call', 'gain', 'cost'),
      node('Sub', 'm1', 'one', 'n1'),
      node('Sub', 'm2', 'one', 'n2'),
      node('Mul', 'putGain', 'discounted', 'm2'),
      node('Mul', 'putCost', 'spot', 'm1'),
      node('Sub', 'put', 'putGain', 'putCost'),
    ],
    [
      scalar('volatility', volatility),
      scalar('driftRate', rate + 0.5 * volatility * volatility),
      scalar('minusRate', -rate),
      ...[scalar('sqrtHalf', Math.SQRT1_2), scalar('one', 1), scalar('half', 0.5)],
    ],
  );
}

/** Ones added at the indexes; the bins are floats, which count exactly up to 2^24. */
function histogramModel(ort: Ort, x: ArrayLike<number>): Omit<Model, 'kernel'> {
  const bins = 256;
  const indexes = BigInt64Array.from({ length: x.length }, (_, i) => BigInt(x[i]! & 255));
  return {
    graph: {
      inputs: [{ name: 'x', type: 'int64', shape: [x.length] }, value('ones', x.length)],
      outputs: [value('bins', bins)],
      constants: [{ ...value('zeros', bins), data: new Uint8Array(4 * bins) }],
      nodes: [
        {
          op: 'ScatterElements',
          inputs: ['zeros', 'x', 'ones'],
          output: 'bins',
          attributes: { reduction: 'add' },
        },
      ],
    },
    feeds: {
      x: new ort.Tensor('int64', indexes, [x.length]),
      ones: new ort.Tensor('float32', new Float32Array(x.length).fill(1), [x.length]),
    },
  };
}

function blockSumModel(ort: Ort, x: Float32Array<ArrayBuffer>): Omit<Model, 'kernel'> {
  const shape = [x.length / 256, 256] as const;
  return {
    graph: {
      inputs: [value('x', ...shape)],
      outputs: [value('sums', shape[0])],
      constants: [{ name: 'axis', type: 'int64', shape: [1], data: new Uint8Array(BigInt64Array.of(1n).buffer) }],
      nodes: [{ op: 'ReduceSum', inputs: ['x', 'axis'], output: 'sums', attributes: { keepdims: 0 } }],
    },
    feeds: { x: new ort.Tensor('float32', x, shape) },
  };
}
