import { dirname } from 'node:path';
import { floats } from './peer.js';
import type { LoadPeer, PeerForm, PeerResults } from './peer.js';

/** What this file uses of tfjs-core 4. */
interface Tensor {
  dataSync(): ArrayLike<number>;
}
interface Tf {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tensor1d(values: Float32Array | Int32Array | number[], dtype?: 'int32'): Tensor;
  tensor2d(values: Float32Array, shape: readonly [number, number]): Tensor;
  tidy(work: () => void): void;
  add(a: Tensor, b: Tensor | number): Tensor;
  sum(x: Tensor, axis: number): Tensor;
  mul(a: Tensor, b: Tensor | number): Tensor;
  sub(a: Tensor | number, b: Tensor): Tensor;
  div(a: Tensor, b: Tensor | number): Tensor;
  log(x: Tensor): Tensor;
  exp(x: Tensor): Tensor;
  sqrt(x: Tensor): Tensor;
  erf(x: Tensor): Tensor;
  bincount(x: Tensor, weights: Tensor, size: number): Tensor;
}

/**
 * TensorFlow.js on WebAssembly, which in Node has one thread: whole arrays, operation by operation. A loop that ends at
 * another step for every element (Mandelbrot, triangles) is not something it expresses.
 */
export const loadTfjs: LoadPeer = async ({ vadd, blackScholes, histogram, blockSum }, requirePeer) => {
  const tf = requirePeer('@tensorflow/tfjs-core') as Tf;
  const backend = '@tensorflow/tfjs-backend-wasm';
  const wasmBackend = requirePeer(backend) as { setWasmPaths(folder: string): void };
  wasmBackend.setWasmPaths(`${dirname(requirePeer.resolve(backend))}/`);
  if (!(await tf.setBackend('wasm'))) throw new Error('the WebAssembly backend of tfjs did not start');
  await tf.ready();

  const form = (kernel: PeerForm['kernel'], work: () => PeerResults): PeerForm => ({
    ...{ kernel, name: 'tfjs_wasm', threads: 1 },
    run: () => {
      let results: PeerResults = {};
      // Not as tidy's own result, in whose arrays it would look for tensors, element by element.
      tf.tidy(() => {
        results = work();
      });
      return results;
    },
  });
  const [a, b] = [tf.tensor1d(floats(vadd, 'a')), tf.tensor1d(floats(vadd, 'b'))];
  const spot = tf.tensor1d(floats(blackScholes, 'spot'));
  const strike = tf.tensor1d(floats(blackScholes, 'strike'));
  const years = tf.tensor1d(floats(blackScholes, 'years'));
  const rate = blackScholes.columns.rate![0]!;
  const volatility = blackScholes.columns.volatility![0]!;
  const normal = (x: Tensor): Tensor => tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
  const bytes = tf.tensor1d(
    Int32Array.from(histogram.columns.x!, (x) => x & 255),
    'int32',
  );
  const noWeights = tf.tensor1d([]);
  const blocks = tf.tensor2d(floats(blockSum, 'x'), [blockSum.columns.x!.length / 256, 256]);
  return [
    form('vadd', () => ({ c: tf.add(a, b).dataSync() })),
    form('blackScholes', () => {
      const deviation = tf.mul(tf.sqrt(years), volatility);
      const drift = tf.mul(years, rate + 0.5 * volatility * volatility);
      const d1 = tf.div(tf.add(tf.log(tf.div(spot, strike)), drift), deviation);
      const n1 = normal(d1);
      const n2 = normal(tf.sub(d1, deviation));
      const discounted = tf.mul(strike, tf.exp(tf.mul(years, -rate)));
      const call = tf.sub(tf.mul(spot, n1), tf.mul(discounted, n2));
      const put = tf.sub(tf.mul(discounted, tf.sub(1, n2)), tf.mul(spot, tf.sub(1, n1)));
      return { call: call.dataSync(), put: put.dataSync() };
    }),
    form('histogram', () => ({ bins: tf.bincount(bytes, noWeights, 256).dataSync() })),
    form('blockSum', () => ({ sums: tf.sum(blocks, 1).dataSync() })),
  ];
};
