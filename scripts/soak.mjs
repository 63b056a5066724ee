// npm run soak -- --minutes N: builds and runs the soak, the same program for a minute and for a day.
import { run } from './pnpm.mjs';
import { setup } from './setup.mjs';

await setup({ filter: '@gpu-bridge/bench', quiet: true });
const { code } = await run(process.execPath, ['bench/dist/soak.js', ...process.argv.slice(2)]);
process.exitCode = code;
