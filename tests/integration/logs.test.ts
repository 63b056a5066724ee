/** The default logger as an application has it: in a bundle, on its standard error. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, expect, it } from 'vitest';

const RUNTIME = fileURLToPath(new URL('../../packages/runtime/dist/index.js', import.meta.url));
const PROGRAM = `import { PinoLogger } from ${JSON.stringify(RUNTIME)};
const logger = new PinoLogger('info');
logger.info('served', { jobId: '0190', tenant: 'acme' });
logger.debug('unheard');
process.exit(3);
`;
const BANNER = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`;

const folder = mkdtempSync(join(tmpdir(), 'gpu-bridge-logs-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('writes its lines on standard error also from a bundle, and before a process that exits', async () => {
  const [entry, outfile] = [join(folder, 'main.js'), join(folder, 'bundle.mjs')];
  writeFileSync(entry, PROGRAM);
  await build({
    ...{ entryPoints: [entry], outfile, bundle: true, format: 'esm', platform: 'node', target: 'node20' },
    banner: { js: BANNER },
  });
  const { status, stdout, stderr } = spawnSync(process.execPath, [outfile], { encoding: 'utf8' });
  expect(status).toBe(3);
  expect(stdout).toBe('');
  const lines = stderr.trimEnd().split('\n');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({ level: 'info', msg: 'served', jobId: '0190', tenant: 'acme' });
});
