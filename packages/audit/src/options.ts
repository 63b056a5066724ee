import { GpuBridgeError, checkFields, checkInteger } from '@gpu-bridge/abstractions';
import type { AuditPolicy } from '@gpu-bridge/abstractions';

/** Where and what jobs are recorded. */
export interface AuditOptions {
  /** Folder of the log, made where it does not exist; of this silo alone. */
  readonly folder: string;
  /** For kernels that `kernels` does not name. Default `digest`. */
  readonly policy?: AuditPolicy;
  /** By kernel name. */
  readonly kernels?: Readonly<Record<string, AuditPolicy>>;
  /** Most that is recorded and not yet on disk, MiB, 1 … 1,024: what a crash can lose, and memory. Default 64. */
  readonly bufferMiB?: number;
  /** Age of records that are not on disk beyond which jobs are refused, ms, at least 20; what a crash can lose. Default 1,000. */
  readonly lossWindowMs?: number;
  /** A segment of the log that is larger is ended, MiB, 1 … 65,536. Default 256. */
  readonly segmentMiB?: number;
}

export type ResolvedAuditOptions = Required<AuditOptions>;

const POLICIES: readonly AuditPolicy[] = ['off', 'digest', 'inputs', 'inputs-and-outputs'];
const FIELDS = [
  'folder',
  'policy',
  'kernels',
  'bufferMiB',
  'lossWindowMs',
  'segmentMiB',
] as const satisfies readonly (keyof AuditOptions)[];

/** Checks every option and fills in the defaults. @throws GpuBridgeError `INVALID_ARGUMENT`. */
export function resolveAuditOptions(options: AuditOptions): ResolvedAuditOptions {
  checkFields('options.audit', options, FIELDS);
  const { folder, policy = 'digest', kernels = {} } = options;
  if (typeof folder !== 'string' || folder === '')
    throw GpuBridgeError.invalidArgument('options.audit.folder', folder, 'the path of a folder');
  if (typeof kernels !== 'object' || kernels === null)
    throw GpuBridgeError.invalidArgument('options.audit.kernels', kernels, 'an object of policies by kernel name');
  for (const name in kernels) checkPolicy(`kernels.${name}`, kernels[name]);
  return {
    folder,
    policy: checkPolicy('policy', policy),
    kernels,
    bufferMiB: checkInteger('options.audit.bufferMiB', options.bufferMiB ?? 64, 1, 1_024),
    lossWindowMs: checkInteger('options.audit.lossWindowMs', options.lossWindowMs ?? 1_000, 20, 2 ** 31 - 1),
    segmentMiB: checkInteger('options.audit.segmentMiB', options.segmentMiB ?? 256, 1, 65_536),
  };
}

function checkPolicy(field: string, policy: unknown): AuditPolicy {
  const found = POLICIES.find((known) => known === policy);
  if (found === undefined)
    throw GpuBridgeError.invalidArgument(`options.audit.${field}`, policy, `one of ${POLICIES.join(', ')}`);
  return found;
}
