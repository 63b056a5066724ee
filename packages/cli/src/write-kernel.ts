import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import type { KernelId, KernelTarget } from '@gpu-bridge/abstractions';
import type {
  BuiltFile,
  KernelManifest,
  ManifestArtifact,
  PackedArtifact,
  PackedKernel,
} from '@gpu-bridge/kernels/aot';
import { runTool } from './native-tools.js';
import type { NativeTool } from './native-tools.js';

const EXTENSIONS: Readonly<Record<KernelTarget, string>> = {
  ...{ wasm: 'wasm', js: 'js', cpp: 'cpp', opencl: 'cl', cuda: 'cu' },
};

export interface WrittenKernel {
  readonly id: KernelId;
  readonly name: string;
  readonly requires: readonly string[];
  /** Path of the manifest. */
  readonly manifest: string;
  readonly artifacts: readonly { readonly target: KernelTarget; readonly file: string; readonly bytes: number }[];
  readonly built: readonly BuiltFile[];
  readonly refused: PackedKernel['refused'];
}

/** Writes the artifacts of a kernel, what the machine's compilers make of them, and last the manifest. */
export function writeKernel(out: string, packed: PackedKernel, tools: readonly NativeTool[]): WrittenKernel {
  const { id, name, requires } = packed.descriptor;
  const folder = join(out, id);
  mkdirSync(folder, { recursive: true });
  const written = packed.artifacts.map((artifact) => writeArtifact(folder, artifact));
  const built = written.flatMap(({ manifest }) =>
    tools.filter((tool) => tool.from === manifest.target).map((tool) => build(folder, manifest, tool)),
  );
  const manifest: KernelManifest = {
    ...packed,
    artifacts: written.map((artifact) => artifact.manifest),
    built,
    tools: { '@gpu-bridge/kernels': packed.compiler, node: process.version, ...versions(tools) },
  };
  const path = join(folder, 'manifest.json');
  writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`);
  const artifacts = written.map(({ manifest: { target, file }, bytes }) => ({ target, file, bytes }));
  return { id, name, requires, manifest: path, artifacts, built, refused: packed.refused };
}

/** `index.json`: which kernels the folder has, by name. */
export function writeIndex(out: string, kernels: readonly WrittenKernel[]): void {
  const index = kernels.map(({ id, name }) => ({ name, id, manifest: `${id}/manifest.json` }));
  writeFileSync(join(out, 'index.json'), `${JSON.stringify(index, null, 2)}\n`);
}

function writeArtifact(folder: string, artifact: PackedArtifact): { manifest: ManifestArtifact; bytes: number } {
  const { content, ...details } = artifact;
  const bytes = Buffer.from(content, details.target === 'wasm' ? 'base64' : 'utf8');
  const file = `kernel.${EXTENSIONS[details.target]}`;
  writeFileSync(join(folder, file), bytes);
  return { manifest: { ...details, file }, bytes: bytes.length };
}

function build(folder: string, artifact: ManifestArtifact, tool: NativeTool): BuiltFile {
  const file = `kernel.${tool.extension}`;
  const flags = (artifact['flags'] ?? []) as readonly string[];
  runTool(tool, join(folder, artifact.file), flags, join(folder, file));
  const sha256 = createHash('sha256')
    .update(readFileSync(join(folder, file)))
    .digest('hex');
  return { from: tool.from, kind: tool.kind, platform: tool.platform, file, sha256 };
}

function versions(tools: readonly NativeTool[]): Record<string, string> {
  return Object.fromEntries(tools.map(({ command, version }) => [command, version]));
}
