import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findBinaries } from './find-binaries.js';
import type { FinderPlace } from './find-binaries.js';

let root: string;
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'gpu-bridge-finder-'))));
afterEach(() => rm(root, { recursive: true, force: true }));

async function touch(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), '');
  }
}

function place(overrides: Partial<FinderPlace> = {}): FinderPlace {
  return {
    platform: 'linux',
    arch: 'x64',
    packageFolder: join(root, 'packages/compute-native'),
    resolvePackage: () => undefined,
    ...overrides,
  };
}

const BUILT = ['native/CMakeLists.txt', 'native/build/bin/addon.node', 'native/build/bin/device-host'];
const PLATFORM = ['platform/addon.node', 'platform/device-host'];
const installed = (name: string): string | undefined =>
  name === '@gpu-bridge/native-linux-x64' ? join(root, 'platform') : undefined;

describe('findBinaries', () => {
  it('takes the build of the workspace before the platform package', async () => {
    await touch(...BUILT, ...PLATFORM);
    expect(findBinaries(undefined, place({ resolvePackage: installed }))).toEqual({
      addonPath: join(root, BUILT[1]!),
      hostPath: join(root, BUILT[2]!),
    });
  });

  it('takes the platform package where there is no build, and where it lies in no checkout', async () => {
    await touch(...PLATFORM);
    const found = { addonPath: join(root, PLATFORM[0]!), hostPath: join(root, PLATFORM[1]!) };
    expect(findBinaries(undefined, place({ resolvePackage: installed }))).toEqual(found);
    await touch(...BUILT);
    const packageFolder = join(root, 'node_modules/@gpu-bridge/compute-native');
    expect(findBinaries(undefined, place({ resolvePackage: installed, packageFolder }))).toEqual(found);
  });

  it('takes a host that the caller names, with the addon that it finds', async () => {
    await touch(...BUILT, 'mine/device-host');
    const hostPath = join(root, 'mine/device-host');
    expect(findBinaries(hostPath, place())).toEqual({ addonPath: join(root, BUILT[1]!), hostPath });
    expect(findBinaries(join(root, 'other'), place())).toEqual({
      missing: expect.stringMatching(/hostPath.*other.*does not exist/) as string,
    });
  });

  it('says where it looked and what to do', async () => {
    await touch('native/CMakeLists.txt');
    const result = findBinaries(undefined, place());
    const missing = 'missing' in result ? result.missing : '';
    expect(missing).toContain(join(root, 'native/build/bin/addon.node'));
    expect(missing).toContain('package @gpu-bridge/native-linux-x64');
    expect(missing).toContain('npm run setup');
  });

  it.each([
    ['darwin', 'arm64'],
    ['win32', 'x64'],
    ['linux', 'ia32'],
  ])('says that there are no native devices on %s-%s', (platform, arch) => {
    expect(findBinaries(undefined, place({ platform, arch }))).toEqual({
      missing: `native devices run on linux-x64 and linux-arm64, this is ${platform}-${arch}`,
    });
  });
});
