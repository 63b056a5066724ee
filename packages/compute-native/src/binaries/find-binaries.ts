import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The two files that native/ builds. */
export interface NativeBinaries {
  readonly addonPath: string;
  readonly hostPath: string;
}

export interface FinderPlace {
  readonly platform: string;
  readonly arch: string;
  /** Folder of this package. */
  readonly packageFolder: string;
  /** Folder of an installed package; undefined where it is not installed. */
  readonly resolvePackage: (name: string) => string | undefined;
}

const ADDON = 'addon.node';
const HOST = 'device-host';
/** Where the device host runs: it needs memfd, futexes and inherited descriptors. */
const PLATFORMS: readonly string[] = ['linux-x64', 'linux-arm64'];

/**
 * Looks for the addon and the device host: beside each other in this workspace's own build, else in the platform package.
 *
 * @param hostPath - a device host that the caller names; then only the addon is looked for.
 * @returns the files, or why there are none and what to do, for people.
 */
export function findBinaries(hostPath?: string, place = here()): NativeBinaries | { readonly missing: string } {
  const platform = `${place.platform}-${place.arch}`;
  if (!PLATFORMS.includes(platform))
    return { missing: `native devices run on ${PLATFORMS.join(' and ')}, this is ${platform}` };
  const looked: string[] = [];
  const addonPath = find(ADDON, place, platform, looked);
  const foundHost = hostPath ?? find(HOST, place, platform, looked);
  if (hostPath !== undefined && !existsSync(hostPath))
    return { missing: `native.hostPath names ${hostPath}, which does not exist` };
  if (addonPath !== undefined && foundHost !== undefined) return { addonPath, hostPath: foundHost };
  return {
    missing:
      `no native binaries: looked for ${[...new Set(looked)].join(', ')}; ` +
      `install the package @gpu-bridge/native-${platform}, or, in a checkout, run npm run setup with cmake and g++ installed`,
  };
}

function find(file: string, place: FinderPlace, platform: string, looked: string[]): string | undefined {
  const platformPackage = `@gpu-bridge/native-${platform}`;
  const folders = [buildFolder(place.packageFolder), place.resolvePackage(platformPackage)];
  for (const folder of folders) {
    if (folder === undefined) continue;
    const path = join(folder, file);
    if (existsSync(path)) return path;
    looked.push(path);
  }
  if (folders[1] === undefined) looked.push(`package ${platformPackage}`);
  return undefined;
}

/** Where native/ of this workspace builds to; undefined where this package does not lie in a checkout. */
function buildFolder(packageFolder: string): string | undefined {
  const root = dirname(dirname(packageFolder));
  const isCheckout = basename(dirname(packageFolder)) === 'packages' && existsSync(join(root, 'native/CMakeLists.txt'));
  return isCheckout ? join(root, 'native/build/bin') : undefined;
}

function here(): FinderPlace {
  const require = createRequire(import.meta.url);
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return {
    platform: process.platform,
    arch: process.arch,
    packageFolder: folder,
    resolvePackage: (name) => {
      try {
        return dirname(require.resolve(`${name}/package.json`));
      } catch {
        return undefined;
      }
    },
  };
}
