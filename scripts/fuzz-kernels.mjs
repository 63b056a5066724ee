// npm run fuzz:kernels -- [--count 5000] [--seed N]: random kernels on every target that is here; see
// packages/kernels/src/testing/fuzz. Ends with an exit code other than 0 where two targets disagree.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { ensureEngines } from './engines.mjs';
import { pnpm } from './pnpm.mjs';
import { setup } from './setup.mjs';

const { values } = parseArgs({ options: { count: { type: 'string', default: '5000' }, seed: { type: 'string' } } });
const seed = values.seed ?? String(randomInt(2 ** 30));
if (![values.count, seed].every((number) => /^\d+$/.test(number))) {
  console.error('fuzz:kernels: --count and --seed are whole numbers');
  process.exit(2);
}

await ensureEngines();
await setup({ filter: '@gpu-bridge/kernels', quiet: true });
console.error(`fuzz:kernels: ${values.count} programs, seed ${seed}`);
process.env.KERNEL_FUZZ_COUNT = values.count;
process.env.KERNEL_FUZZ_SEED = seed;
const files = ['packages/kernels/src/emit/differential'];
const { code } = await pnpm([
  'exec',
  'vitest',
  'run',
  '--project',
  'property',
  ...files,
  '--disable-console-intercept',
]);
console.error(`fuzz:kernels: ${code === 0 ? 'no difference' : 'failed'} (seed ${seed})`);
process.exitCode = code;
