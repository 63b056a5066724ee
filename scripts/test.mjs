// npm test: set-up of the engines, then `pnpm verify`; the last line counts the tests.
import { ensureEngines } from './engines.mjs';
import { install } from './setup.mjs';
import { testCounts, verify } from './verify.mjs';

await ensureEngines();
await install();
process.exitCode = await verify();

const counts = testCounts();
if (counts) console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
else console.log('no test has run');
