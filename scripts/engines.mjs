// The programs outside npm that the tests drive, and the demo with silos. Missing ones are installed where we may, and named where not.
import { existsSync, symlinkSync } from 'node:fs';
import { run } from './pnpm.mjs';

/** @type {readonly { name: string, probe: readonly string[], debianPackages: readonly string[], forSilos?: true }[]} */
const engines = [
  { name: 'g++', probe: ['g++', '--version'], debianPackages: ['g++'], forSilos: true },
  { name: 'cmake', probe: ['cmake', '--version'], debianPackages: ['cmake'], forSilos: true },
  { name: 'GoogleTest', probe: ['ls', '/usr/include/gtest/gtest.h'], debianPackages: ['libgtest-dev'] },
  {
    name: 'PoCL (OpenCL on the processor)',
    probe: ['sh', '-c', 'clinfo --list | grep "Portable Computing Language" && ls /usr/include/CL/cl.h'],
    debianPackages: ['pocl-opencl-icd', 'ocl-icd-opencl-dev', 'opencl-headers', 'clinfo'],
    forSilos: true,
  },
  {
    name: 'nats-server',
    probe: ['sh', '-c', 'PATH="$PATH:/usr/sbin" nats-server --version'],
    debianPackages: ['nats-server'],
    forSilos: true,
  },
  { name: 'openssl', probe: ['openssl', 'version'], debianPackages: ['openssl'] },
];

// Hardware and its toolkit cannot be installed by a script: tests that need them are skipped.
const hardware = [
  { name: 'nvcc', probe: ['nvcc', '--version'] },
  { name: 'CUDA device', probe: ['nvidia-smi', '--list-gpus'] },
];

/** What silos in processes of their own need: the server that connects them, and an OpenCL device for one of them. */
export async function provideForSilos() {
  const missing = await provide(engines.filter(({ forSilos }) => forSilos));
  for (const { name, debianPackages } of missing)
    console.error(`no ${name} (install ${debianPackages.join(', ')} of Debian)`);
}

/** Makes all engines available; exits with an error where CI=true and one is missing. */
export async function ensureEngines() {
  const missing = await provide(engines);
  for (const { name, debianPackages } of missing) {
    const what = `no ${name} (install ${debianPackages.join(', ')} of Debian)`;
    console.error(process.env.CI === 'true' ? `engines: ${what}` : `skipped: ${what}`);
  }
  for (const { name } of await absent(hardware)) console.error(`skipped: no ${name}`);
  if (missing.length > 0 && process.env.CI === 'true') process.exit(1);
}

/** @returns those that are missing after what could be done. */
async function provide(wanted) {
  const missing = await absent(wanted);
  if (missing.length === 0 || process.getuid?.() !== 0) return missing;
  await installDebianPackages(missing.flatMap((engine) => engine.debianPackages));
  return absent(missing);
}

async function absent(candidates) {
  const probes = candidates.map(async (candidate) => {
    const [command, ...args] = candidate.probe;
    const { code, output } = await run(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    return code === 0 && output.trim() !== '' ? [] : [candidate];
  });
  return (await Promise.all(probes)).flat();
}

async function installDebianPackages(names) {
  console.error(`engines: install ${names.join(', ')} …`);
  const options = { stdio: ['ignore', 'pipe', 'pipe'], env: { DEBIAN_FRONTEND: 'noninteractive' } };
  maskNatsService();
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...names]]) {
    const { code, output } = await run('apt-get', args, options);
    if (code !== 0) return console.error(`${output}\nengines: apt-get ${args[0]} failed (exit code ${code})`);
  }
}

/**
 * The Debian package of nats-server starts a server, now and at every boot, that listens on all interfaces without a
 * password. The tests start their own on loopback, so where systemd runs its service is masked before the package comes.
 */
function maskNatsService() {
  const unit = '/etc/systemd/system/nats-server.service';
  const isThere = existsSync('/usr/sbin/nats-server') || existsSync(unit);
  if (isThere || !existsSync('/run/systemd/system')) return;
  symlinkSync('/dev/null', unit);
  console.error('engines: the service nats-server stays off; `systemctl unmask nats-server` allows it');
}

if (process.argv[1] === import.meta.filename) await ensureEngines();
