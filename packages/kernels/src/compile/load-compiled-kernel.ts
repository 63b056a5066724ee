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

/** A kernel of a folder that `gpu-bridge compile` wrote, and what its manifest says. */
export interface KernelOfFolder {
  readonly manifest: KernelManifest;
  readonly kernel: CompiledKernel;
}

/**
 * The kernel with this name and declaration hash of a folder that `gpu-bridge compile` wrote.
 *
 * @throws GpuBridgeError `KERNEL_ARTIFACT_INVALID` as {@link loadCompiledKernel}, and where the folder has no such kernel.
 */
export function loadFromFolder(folder: string, name: string, source: string): KernelOfFolder {
  const path = resolve(folder, 'index.json');
  const index = parse(path, read(path, path).toString('utf8'));
  if (!isIndex(index)) throw invalid(path, 'it is no index of kernels');
  for (const entry of index) {
    if (entry.name !== name) continue;
    const manifestPath = beside(path, entry.manifest);
    const manifest = manifestAt(manifestPath);
    if (manifest.source === source) return { manifest, kernel: kernelOf(thisMachine, manifestPath, manifest) };
  }
  const known = index.some((entry) => entry.name === name);
  throw invalid(path, known ? `its ${name} was declared otherwise` : `it has no kernel ${name}`);
}

/** {@link loadCompiledKernel}, for any machine. */
export function loadFor(machine: Machine, manifestPath: string): CompiledKernel {
  const path = resolve(manifestPath);
  return kernelOf(machine, path, manifestAt(path));
}

function kernelOf(machine: Machine, path: string, manifest: KernelManifest): CompiledKernel {
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

interface IndexEntry {
  readonly name: string;
  /** Relative to the folder. */
  readonly manifest: string;
}

function isIndex(value: unknown): value is readonly IndexEntry[] {
  const isEntry = (entry: Partial<IndexEntry> | null): boolean =>
    typeof entry?.name === 'string' && typeof entry.manifest === 'string';
  return Array.isArray(value) && value.every(isEntry);
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(path, 'it is not JSON', cause);
  }
}

function manifestAt(path: string): KernelManifest {
  const manifest = parse(path, read(path, path).toString('utf8')) as Partial<KernelManifest> | null;
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
