// npm run -s sample:graph-motifs -- ARGS: builds and runs the sample. With `npm run -s` stdout is the program's alone.
import { run } from './pnpm.mjs';
import { setup } from './setup.mjs';

const args = process.argv.slice(2);

await setup({ filter: '@gpu-bridge/sample-graph-motifs', quiet: true });
// Only native devices need native code.
const device = args[args.indexOf('--device') + 1] ?? '';
const isNative = args.includes('--device')
  ? !device.startsWith('cpu:')
  : args.some((arg) => /^--device=(?!cpu:)/.test(arg));
if (isNative) await setup({ filter: '@gpu-bridge/native', quiet: true });
const { code } = await run(process.execPath, ['samples/graph-motifs/dist/main.js', ...args]);
process.exitCode = code;
