// npm run demo -- ARGS: builds and runs the console driver.
import { run } from './pnpm.mjs';
import { setup } from './setup.mjs';

await setup({ filter: '@gpu-bridge/sample-console-driver' });
const { code } = await run(process.execPath, ['samples/console-driver/dist/main.js', ...process.argv.slice(2)]);
process.exitCode = code;
