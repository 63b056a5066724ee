/** The packages as their users get them: packed, and installed in an empty project outside this workspace. */
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const program = fileURLToPath(new URL('uses-gpu-bridge.mjs', import.meta.url));
/** Also on a busy machine with a slow registry; what hangs ends. */
const LIMIT_MS = 600_000;
const platformPackage = `@gpu-bridge/native-${process.platform}-${process.arch}`;
const isNativeBuilt = ['addon.node', 'device-host'].every((file) => existsSync(join(root, 'native/build/bin', file)));

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly main?: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

interface Answer {
  readonly outcome?: string;
  readonly deviceId?: string;
  readonly z?: readonly number[];
  readonly unavailable?: readonly { readonly backend: string; readonly reason: string }[];
  readonly code?: string;
  readonly message?: string;
}

const work = mkdtempSync(join(tmpdir(), 'gpu-bridge-packaging-'));
const tarballs = join(work, 'tarballs');
const project = join(work, 'project');
/** By the name of the package. */
const packed = new Map<string, string>();

/** The shims of node_modules/.bin name this workspace's packages in NODE_PATH, which a user's project must not find. */
const cleanEnv: NodeJS.ProcessEnv = { ...process.env, NODE_PATH: undefined };

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

async function pack(folders: readonly string[]): Promise<void> {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { packageManager: string };
  const filters = folders.flatMap((folder) => ['--filter', readManifest(folder).name]);
  const args = ['--yes', packageManager, '--recursive', ...filters, 'pack', '--pack-destination', tarballs];
  await run('npx', args, { cwd: root, timeout: LIMIT_MS });
  for (const folder of folders) {
    const { name, version } = readManifest(folder);
    packed.set(name, join(tarballs, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`));
  }
}

/** Adds packages and, from the registry, what they need. */
async function install(names: readonly string[]): Promise<void> {
  const args = ['install', '--prefer-offline', '--no-audit', '--no-fund'];
  const files = names.map((name) => packed.get(name) ?? name);
  await run('npm', [...args, ...files], { cwd: project, timeout: LIMIT_MS, env: cleanEnv });
}

async function answerOf(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Answer> {
  const { stdout } = await run(process.execPath, ['uses-gpu-bridge.mjs', ...args], {
    cwd: project,
    timeout: LIMIT_MS,
    env: { ...cleanEnv, ...env },
  });
  return JSON.parse(stdout) as Answer;
}

const publicFolders = readdirSync(join(root, 'packages'))
  .map((name) => join(root, 'packages', name))
  .filter((folder) => existsSync(join(folder, 'package.json')) && readManifest(folder).private !== true);
/** testkit would bring a test runner, so it is unpacked only; the native ones come later. */
const isInstalled = (name: string) => !/native|testkit/.test(name);
const publicNames = publicFolders.map((folder) => readManifest(folder).name);

beforeAll(async () => {
  mkdirSync(tarballs);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }');
  copyFileSync(program, join(project, 'uses-gpu-bridge.mjs'));
  const folders = isNativeBuilt
    ? [...publicFolders, join(root, `native/npm/${process.platform}-${process.arch}`)]
    : publicFolders;
  await pack(folders);
  await install([...publicNames.filter(isInstalled), 'inversify@^8.2.2']);
}, LIMIT_MS);
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe('packages in an empty project, without the native ones', () => {
  it.each(publicNames)('%s names only what it ships', async (name) => {
    const unpacked = join(work, 'unpacked', name);
    mkdirSync(unpacked, { recursive: true });
    await run('tar', ['-xzf', packed.get(name)!, '-C', unpacked]);
    const folder = join(unpacked, 'package');
    const manifest = readManifest(folder);
    const named = [
      ...Object.values(manifest.exports ?? {}).flatMap((target) =>
        typeof target === 'string' ? [target] : Object.values(target),
      ),
      ...Object.values(manifest.bin ?? {}),
    ];
    expect(named.length).toBeGreaterThan(0);
    for (const file of named) expect(existsSync(join(folder, file)), file).toBe(true);
    // Protocols of the workspace mean nothing to npm.
    const versions = [manifest.dependencies, manifest.optionalDependencies, manifest.peerDependencies].flatMap((all) =>
      Object.values(all ?? {}),
    );
    for (const version of versions) expect(version).not.toMatch(/^(workspace|catalog|file|link):/);
    expect(readdirSync(folder)).toContain('README.md');
    expect(readdirSync(folder)).not.toContain('src');
  });

  it('are loaded by their names', async () => {
    const names = publicNames.filter((name) => isInstalled(name) && name !== '@gpu-bridge/cli');
    const script = `for (const name of ${JSON.stringify(names)}) await import(name); console.log('loaded');`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], {
      cwd: project,
      timeout: LIMIT_MS,
      env: cleanEnv,
    });
    expect(stdout).toBe('loaded\n');
  });

  it('run a kernel on the CPU', async () => {
    expect(await answerOf([])).toEqual({ outcome: 'completed', deviceId: 'cpu:0', z: [12, 24, 36], unavailable: [] });
  });

  it('say which package a native device needs', async () => {
    const answer = await answerOf(['{"opencl":true}']);
    expect(answer.code).toBe('BACKEND_UNAVAILABLE');
    expect(answer.message).toContain('npm install @gpu-bridge/compute-native');
  });
});

describe('packages in an empty project, with the native ones', () => {
  const small = { executors: 1, arenaMiB: 16 };

  it(
    'say that the platform package is missing, and use the CPU',
    async () => {
      await install(['@gpu-bridge/compute-native']);
      const answer = await answerOf([JSON.stringify({ opencl: small })]);
      expect(answer).toMatchObject({ outcome: 'completed', deviceId: 'cpu:0', z: [12, 24, 36] });
      expect(answer.unavailable).toEqual([
        { backend: 'opencl', reason: expect.stringContaining(platformPackage) as string },
      ]);
    },
    LIMIT_MS,
  );

  describe.skipIf(!isNativeBuilt && process.env['CI'] !== 'true')('with their binaries', () => {
    beforeAll(() => install([platformPackage]), LIMIT_MS);
    const native = { compiler: 'g++', cacheFolder: join(work, 'cache') };

    it('run a kernel on a native device', async () => {
      const answer = await answerOf([JSON.stringify({ ...native, cpu: small }), 'cpu-native:0']);
      expect(answer).toMatchObject({
        outcome: 'completed',
        deviceId: 'cpu-native:0',
        z: [12, 24, 36],
        unavailable: [],
      });
    });

    it('fall back to the CPU where there is no OpenCL driver, and say so', async () => {
      const empty = join(work, 'no-drivers');
      mkdirSync(empty);
      const answer = await answerOf([JSON.stringify({ ...native, opencl: small })], {
        OCL_ICD_VENDORS: empty,
        OPENCL_VENDOR_PATH: empty,
      });
      expect(answer).toMatchObject({ outcome: 'completed', deviceId: 'cpu:0', z: [12, 24, 36] });
      expect(answer.unavailable).toEqual([{ backend: 'opencl', reason: expect.stringMatching(/./) as string }]);
    });
  });
});
