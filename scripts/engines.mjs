// The programs outside npm that the tests drive. Missing ones are installed where we may, and named where not.
import { existsSync, symlinkSync } from 'node:fs';
import { run } from './pnpm.mjs';

/** @type {readonly { name: string, probe: readonly string[], debianPackages: readonly string[] }[]} */
const engines = [
  { name: 'g++', probe: ['g++', '--version'], debianPackages: ['g++'] },
  { name: 'cmake', probe: ['cmake', '--version'], debianPackages: ['cmake'] },
  { name: 'GoogleTest', probe: ['ls', '/usr/include/gtest/gtest.h'], debianPackages: ['libgtest-dev'] },
  {
    name: 'PoCL (OpenCL on the processor)',
    probe: ['sh', '-c', 'clinfo --list | grep "Portable Computing Language" && ls /usr/include/CL/cl.h'],
    debianPackages: ['pocl-opencl-icd', 'ocl-icd-opencl-dev', 'opencl-headers', 'clinfo'],
  },
  {
    name: 'nats-server',
    probe: ['sh', '-c', 'PATH="$PATH:/usr/sbin" nats-server --version'],
    debianPackages: ['nats-server'],
  },
  { name: 'openssl', probe: ['openssl', 'version'], debianPackages: ['openssl'] },
];

// Hardware and its toolkit cannot be installed by a script: tests that need them are skipped.
const hardware = [
  { name: 'nvcc', probe: ['nvcc', '--version'] },
  { name: 'CUDA device', probe: ['nvidia-smi', '--list-gpus'] },
];

/** Makes the engines available; exits with an error where CI=true and one is missing. */
export async function ensureEngines() {
  let missing = await absent(engines);
  if (missing.length > 0 && process.getuid?.() === 0) {
    await installDebianPackages(missing.flatMap((engine) => engine.debianPackages));
    missing = await absent(missing);
  }
  for (const { name, debianPackages } of missing) {
    const what = `no ${name} (install ${debianPackages.join(', ')} of Debian)`;
    console.error(process.env.CI === 'true' ? `engines: ${what}` : `skipped: ${what}`);
  }
  for (const { name } of await absent(hardware)) console.error(`skipped: no ${name}`);
  if (missing.length > 0 && process.env.CI === 'true') process.exit(1);
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
