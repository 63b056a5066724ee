import { readFileSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { CompiledKernel } from '@gpu-bridge/abstractions';
import { flawOf, unpackKernel } from './packed-kernel.js';
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
  /** What it runs on: `linux-x64`, `compute_75`. */
  readonly platform: string;
  readonly file: string;
  readonly sha256: string;
}

/**
 * A kernel that `gpu-bridge compile` wrote, from the path of its `manifest.json`. Nothing is parsed or compiled.
 *
 * @throws GpuBridgeError `KERNEL_ARTIFACT_INVALID` for files that are missing, changed, or of another version: compile
 *   again.
 */
export function loadCompiledKernel(manifestPath: string): CompiledKernel {
  const path = resolve(manifestPath);
  const manifest = parse(path, read(path, path).toString('utf8'));
  const artifacts = manifest.artifacts.map(({ file, ...artifact }): PackedArtifact => {
    const from = resolve(dirname(path), file);
    if (!from.startsWith(dirname(path) + sep)) throw invalid(path, `${file} lies outside its folder`);
    const content = read(path, from).toString(artifact.target === 'wasm' ? 'base64' : 'utf8');
    return { ...artifact, content };
  });
  const packed: PackedKernel = { ...manifest, artifacts };
  const flaw = flawOf(packed);
  if (flaw !== undefined) throw invalid(path, flaw);
  return unpackKernel(packed);
}

function parse(path: string, text: string): KernelManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(path, 'it is not JSON', cause);
  }
  const manifest = value as Partial<KernelManifest> | null;
  if (!manifest?.descriptor || !Array.isArray(manifest.artifacts) || !Array.isArray(manifest.refused)) {
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
