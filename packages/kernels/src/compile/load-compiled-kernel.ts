import { readFileSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { CompiledKernel } from '@gpu-bridge/abstractions';
import { runsOn, thisMachine } from './native-baseline.js';
import type { Machine } from './native-baseline.js';
import { flawOf, sha256, unpackKernel } from './packed-kernel.js';
import type { ArtifactDetails, PackedArtifact, PackedKernel } from './packed-kernel.js';

/** `manifest.json` of a kernel that `gpu-bridge compile` wrote: a packed kernel whose contents lie in files beside it. */
export interface KernelManifest extends Omit<PackedKernel, 'artifacts'> {
  readonly artifacts: readonly ManifestArtifact[];
  /** What was built from the artifacts with the tools of the machine: shared objects, PTX. */
  readonly built: readonly BuiltFile[];
  /** Versions of what made the files, by tool. */
  readonly tools: Readonly<Record<string, string>>;
}

export interface ManifestArtifact extends ArtifactDetails {
  /** Relative to the manifest. */
  readonly file: string;
}

export interface BuiltFile {
  readonly from: 'cpp' | 'cuda';
  readonly kind: 'shared-object' | 'ptx';
  /** What it runs on: `linux-x64-v3`, `compute_75`. */
  readonly platform: string;
  readonly file: string;
  readonly sha256: string;
}

/**
 * A kernel that `gpu-bridge compile` wrote, from the path of its `manifest.json`. Nothing is parsed or compiled. Its `cpp`
 * artifact names the shared object that was built, where this machine can run it. The files are run: they deserve the trust
 * that the application's own JavaScript has, and need no more.
 *
 * @throws GpuBridgeError `KERNEL_ARTIFACT_INVALID` for files that are missing, changed, or of another version: compile
 *   again.
 */
export function loadCompiledKernel(manifestPath: string): CompiledKernel {
  return loadFor(thisMachine, manifestPath);
}

/** {@link loadCompiledKernel}, for any machine. */
export function loadFor(machine: Machine, manifestPath: string): CompiledKernel {
  const path = resolve(manifestPath);
  const manifest = parse(path, read(path, path).toString('utf8'));
  const artifacts = manifest.artifacts.map(({ file, ...artifact }): PackedArtifact => {
    const content = read(path, beside(path, file)).toString(artifact.target === 'wasm' ? 'base64' : 'utf8');
    return { ...artifact, content };
  });
  const packed: PackedKernel = { ...manifest, artifacts };
  const flaw = flawOf(packed);
  if (flaw !== undefined) throw invalid(path, flaw);
  const kernel = unpackKernel(packed);
  const library = libraryFor(machine, path, manifest);
  if (library === undefined) return kernel;
  return { ...kernel, artifacts: kernel.artifacts.map((a) => (a.target === 'cpp' ? { ...a, library } : a)) };
}

/** The shared object that runs on the machine, as it was built; undefined where the manifest has none. */
function libraryFor(machine: Machine, path: string, { built }: KernelManifest): string | undefined {
  const found = built.find(({ kind, platform }) => kind === 'shared-object' && runsOn(machine, platform));
  if (found === undefined) return undefined;
  const library = beside(path, found.file);
  if (sha256(read(path, library)) !== found.sha256) throw invalid(path, `${found.file} is not what its hash says`);
  return library;
}

/** Absolute path of a file of the manifest, which lies below the manifest's folder. */
function beside(path: string, file: string): string {
  const absolute = resolve(dirname(path), file);
  if (!absolute.startsWith(dirname(path) + sep)) throw invalid(path, `${file} lies outside its folder`);
  return absolute;
}

function parse(path: string, text: string): KernelManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(path, 'it is not JSON', cause);
  }
  const manifest = value as Partial<KernelManifest> | null;
  const { descriptor, artifacts, refused, built } = manifest ?? {};
  if (!descriptor || ![artifacts, refused, built].every(Array.isArray)) {
    throw invalid(path, 'it is no manifest of a kernel');
  }
  return manifest as KernelManifest;
}

function read(path: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw invalid(path, `${file} cannot be read`, cause);
  }
}

function invalid(path: string, reason: string, cause?: unknown): GpuBridgeError<'KERNEL_ARTIFACT_INVALID'> {
  return new GpuBridgeError('KERNEL_ARTIFACT_INVALID', { path, reason }, `${path}: ${reason}; compile it again`, {
    cause,
  });
}
