// npm run bench -- NAME ARGS: builds and runs one benchmark. With `npm run -s` stdout is the program's alone.
import { run } from './pnpm.mjs';
import { setup } from './setup.mjs';

await setup({ filter: '@gpu-bridge/bench', quiet: true });
const { code } = await run(process.execPath, ['bench/dist/main.js', ...process.argv.slice(2)]);
process.exitCode = code;
