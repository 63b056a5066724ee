// npm run demo -- ARGS: builds and runs the console driver.
import { provideForSilos } from './engines.mjs';
import { run } from './pnpm.mjs';
import { setup } from './setup.mjs';

const args = process.argv.slice(2);
const withSilos = args.some((arg) => arg === '--silos' || arg.startsWith('--silos='));

if (withSilos) await provideForSilos();
await setup({ filter: '@gpu-bridge/sample-console-driver' });
// For the OpenCL device of a silo; the demo in one process needs no native code.
if (withSilos) await setup({ filter: '@gpu-bridge/native' });
const { code } = await run(process.execPath, ['samples/console-driver/dist/main.js', ...args]);
process.exitCode = code;
