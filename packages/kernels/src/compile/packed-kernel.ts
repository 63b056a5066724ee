import { createHash } from 'node:crypto';
import type {
  CompileOptions,
  CompiledKernel,
  KernelArtifact,
  KernelDefinition,
  KernelDescriptor,
  KernelTarget,
} from '@gpu-bridge/abstractions';
import { IR_VERSION } from '../ir/nodes.js';
import { COMPILER_VERSION } from './compiler-version.js';
import { declarationHash } from './definition-hash.js';

const FORMAT = 2;

/** A compiled kernel as JSON: what a bundle, the disk cache and, with its contents in files, a manifest hold. */
export interface PackedKernel {
  /** Of the object and of how its artifacts are called. */
  readonly format: number;
  readonly irVersion: number;
  /** Version of `@gpu-bridge/kernels` that compiled it. */
  readonly compiler: string;
  /** {@link declarationHash} of the definition it was compiled from. */
  readonly source: string;
  readonly simd: NonNullable<CompileOptions['simd']>;
  readonly descriptor: KernelDescriptor;
  readonly artifacts: readonly PackedArtifact[];
  readonly refused: CompiledKernel['refused'];
}

/** What stands beside the content of an artifact: its entry, its flags. */
export interface ArtifactDetails {
  readonly target: KernelTarget;
  /** SHA-256 of the bytes, or of the text as UTF-8. */
  readonly sha256: string;
  readonly [detail: string]: unknown;
}
export interface PackedArtifact extends ArtifactDetails {
  /** The text, or bytes as base64. */
  readonly content: string;
}

export const DEFAULT_TARGETS: readonly KernelTarget[] = ['wasm', 'js'];

export function packKernel(
  definition: KernelDefinition,
  { descriptor, artifacts, refused }: CompiledKernel,
  { simd = 'auto' }: CompileOptions = {},
): PackedKernel {
  return {
    format: FORMAT,
    irVersion: IR_VERSION,
    compiler: COMPILER_VERSION,
    source: declarationHash(definition),
    simd,
    descriptor,
    artifacts: artifacts.map(packArtifact),
    refused,
  };
}

function packArtifact(artifact: KernelArtifact): PackedArtifact {
  if (artifact.target === 'wasm') {
    const { bytes, ...details } = artifact;
    return { ...details, sha256: sha256(bytes), content: Buffer.from(bytes).toString('base64') };
  }
  const { source, ...details } = portable(artifact);
  return { ...details, sha256: sha256(source), content: source };
}

type TextArtifact = Exclude<KernelArtifact, { readonly target: 'wasm' }>;

/** Without the file of this machine that it may name. */
function portable(artifact: TextArtifact): TextArtifact {
  if (artifact.target !== 'cpp') return artifact;
  const { library: _library, ...text } = artifact;
  return text;
}

/** What keeps a packed kernel from being used; undefined where nothing does. */
export function flawOf(packed: PackedKernel): string | undefined {
  if (packed.format !== FORMAT) return `its format is ${packed.format}, this version reads format ${FORMAT}`;
  if (packed.irVersion !== IR_VERSION)
    return `it was compiled for IR version ${packed.irVersion}, this is ${IR_VERSION}`;
  const changed = packed.artifacts.find((artifact) => sha256(contentOf(artifact)) !== artifact.sha256);
  return changed && `the ${changed.target} artifact is not what its hash says`;
}

/** The kernel; only for what {@link flawOf} finds no fault with. */
export function unpackKernel({ descriptor, artifacts, refused }: PackedKernel): CompiledKernel {
  return { descriptor, artifacts: artifacts.map(unpackArtifact), refused };
}

function unpackArtifact(packed: PackedArtifact): KernelArtifact {
  const { sha256: _sha256, content: _content, ...details } = packed;
  const content = contentOf(packed);
  return (
    typeof content === 'string' ? { ...details, source: content } : { ...details, bytes: content }
  ) as KernelArtifact;
}

function contentOf({ target, content }: PackedArtifact): string | Uint8Array<ArrayBuffer> {
  return target === 'wasm' ? new Uint8Array(Buffer.from(content, 'base64')) : content;
}

/** Whether it answers for every target that is asked for, with an artifact or with a reason. */
export function answers(
  packed: Pick<PackedKernel, 'simd' | 'refused'> & { readonly artifacts: readonly ArtifactDetails[] },
  { targets = DEFAULT_TARGETS, simd = 'auto' }: CompileOptions,
): boolean {
  const answered = new Set([...packed.artifacts, ...packed.refused].map(({ target }) => target));
  return packed.simd === simd && targets.every((target) => answered.has(target));
}

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
