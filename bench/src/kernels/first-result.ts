/**
 * A fresh process that compiles one kernel and runs it: `node first-result.js [CACHE FOLDER]`. Prints, as JSON, how long
 * the imports took and, after them, everything from `compile()` to the first result on the calling thread.
 */
const importStart = performance.now();
const { createKernelCompiler } = await import('@gpu-bridge/kernels');
const { blackScholes } = await import('./kernels.js');
const { Arena } = await import('./arena.js');
const importMs = performance.now() - importStart;

const OPTIONS = 1024;

const [cacheFolder] = process.argv.slice(2);
const start = performance.now();
const compiler = createKernelCompiler(cacheFolder === undefined ? {} : { cacheFolder });
const { descriptor, artifacts } = compiler.compile(blackScholes, { targets: ['wasm'] });
const [artifact] = artifacts;
if (artifact?.target !== 'wasm') throw new Error('no WebAssembly artifact');
const arena = new Arena(1 << 20);
const columns = {
  ...{ spot: arena.f32(OPTIONS).fill(42), strike: arena.f32(OPTIONS).fill(40), years: arena.f32(OPTIONS).fill(0.5) },
  ...{ rate: arena.f32(1).fill(0.1), volatility: arena.f32(1).fill(0.2) },
  ...{ call: arena.f32(OPTIONS), put: arena.f32(OPTIONS) },
};
const block = arena.argumentBlock(descriptor, [OPTIONS, 1], columns, 1);
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(artifact.bytes), { env: { memory: arena.memory } });
const violations = (exports.run as (...args: number[]) => number)(block, 0, OPTIONS, 0);
const price = columns.call[OPTIONS - 1]!;
const firstResultMs = performance.now() - start;

// The textbook example (Hull, "Options, Futures, and Other Derivatives"): 4.76.
if (violations !== 0 || Math.abs(price - 4.7594) > 1e-3) throw new Error(`the call is priced ${price}`);
process.stdout.write(JSON.stringify({ importMs, firstResultMs }));

export {};
