// Generated from schema/ring-abi.json by scripts/generate.mjs. Do not edit.
/* Ring ABI v1. One producer and one consumer per ring; little-endian; every entry and control line is 64 bytes with one writer. */

/** The bytes 'GBIR' at the start of a ring. */
export const RING_MAGIC = 1380535879;
/** Version of this layout; a ring of another version is refused. */
export const RING_ABI_VERSION = 1;
/** Bytes of a control line, a submission entry and a completion entry. */
export const LINE_BYTES = 64;
/** The bytes 'GBRG' at the start of a region shared with a device host. */
export const REGION_MAGIC = 1196573255;

/** What a submission-queue entry asks for. */
export const Op = {
  /** Run `kernel` over the items [firstItem, firstItem + itemCount) of the argument block at `params`. */
  RUN: 1,
  /** Take the next kernel module from the executor's side channel and keep it as number `kernel`. */
  LOAD_KERNEL: 2,
} as const;
export type Op = (typeof Op)[keyof typeof Op];

/** How an entry ended. 0 is never written, so a torn completion cannot read as success. */
export const Status = {
  /** Ran to its end. */
  OK: 1,
  /** The executor does not know the operation; nothing ran. */
  UNKNOWN_OP: 2,
  /** No kernel was loaded under this number; nothing ran. */
  UNKNOWN_KERNEL: 3,
  /** The kernel trapped; its outputs are unspecified. */
  KERNEL_FAULT: 4,
  /** The argument block does not start inside the arena on 16 bytes, points outside the arena, or names columns shorter than its items need; nothing ran. */
  BAD_ARGUMENT_BLOCK: 5,
  /** The entry belongs to another incarnation of the executor; nothing ran. */
  STALE_GENERATION: 6,
  /** The kernel module could not be instantiated. */
  LOAD_FAILED: 7,
  /** The items or the executor number are outside what the argument block has; nothing ran. */
  BAD_RANGE: 8,
  /** The driver refused or failed the run, for example for want of memory; outputs are unspecified. */
  DEVICE_ERROR: 9,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

/** Who consumed an entry, and who is asked to. The names are those of ExecutionMode. */
export const Mode = {
  /** As the device does; never in a completion of a device with several modes. */
  ANY: 0,
  /** A kernel or thread that polls the ring until it is stopped or has been idle for long. */
  RESIDENT: 1,
  /** As resident, for a limited time or number of entries. */
  LEASED: 2,
  /** One launch by the host for this entry. */
  LAUNCHED: 3,
  /** A replayed graph of launches. */
  GRAPH: 4,
} as const;
export type Mode = (typeof Mode)[keyof typeof Mode];

/** What a device host does. */
export const HostState = {
  /** Opens the device and builds kernels; the rings are not served yet. */
  STARTING: 1,
  /** Serves its rings. */
  SERVING: 2,
  /** Ended as it was asked to. */
  STOPPED: 3,
  /** Ended because of the fault that `fault` names. */
  FAULTED: 4,
} as const;
export type HostState = (typeof HostState)[keyof typeof HostState];

// RingHeader: Line 0. Written once, before the executor starts. Word offsets within the line:
/** RING_MAGIC. */
export const RING_HEADER_MAGIC = 0;
/** RING_ABI_VERSION. */
export const RING_HEADER_VERSION = 1;
/** Entries of each queue, a power of two. */
export const RING_HEADER_CAPACITY = 2;
/** Incarnation of the executor; grows by one at each restart. */
export const RING_HEADER_GENERATION = 3;

// SiloLine: Line 1. Written by the silo only. Word offsets within the line:
/** 1: the executor returns as soon as its queue is empty. */
export const SILO_LINE_STOP = 0;
/** Grows when a parked executor must look again; the executor waits on it. */
export const SILO_LINE_SUBMISSION_BELL = 1;
/** 1: the silo waits on completionBell. */
export const SILO_LINE_REAPER_PARKED = 2;

// ExecutorLine: Line 2. Written by the executor only. Word offsets within the line:
/** seq of the entry it runs or ran last: after a death, the suspect. */
export const EXECUTOR_LINE_RUNNING = 0;
/** 1: the executor waits on submissionBell. */
export const EXECUTOR_LINE_PARKED = 1;
/** Grows when a parked reaper must look again; the silo waits on it. */
export const EXECUTOR_LINE_COMPLETION_BELL = 2;
/** How often the executor entered its polling loop: one lease each. */
export const EXECUTOR_LINE_LEASES = 3;
/** Grows while the executor polls or runs entries, at least every 256 polls. */
export const EXECUTOR_LINE_HEARTBEAT = 4;

// Sqe: Submission-queue entry. Word offsets within the line:
/** position + 1 when full; stored last with release order, compared only for equality. */
export const SQE_SEQ = 0;
/** Op. */
export const SQE_OP = 1;
/** Number under which the kernel was loaded on this device. */
export const SQE_KERNEL = 2;
/** The ring's generation when the entry was written. */
export const SQE_GENERATION = 3;
/** With userDataHigh the only correlation key; copied to the completion. */
export const SQE_USER_DATA_LOW = 4;
/** See userDataLow. */
export const SQE_USER_DATA_HIGH = 5;
/** Byte offset of the argument block in the arena's memory, low word. */
export const SQE_PARAMS_LOW = 6;
/** High word of the offset. */
export const SQE_PARAMS_HIGH = 7;
/** First item (map), linear id (grid) or workgroup (grid with a workgroup) to run. */
export const SQE_FIRST_ITEM = 8;
/** Number of items or ids to run. */
export const SQE_ITEM_COUNT = 9;
/** Executor group number: selects the scratch region. */
export const SQE_GROUP = 10;
/** Absolute deadline, ns on the silo's monotonic clock, low word; 0 with deadlineHigh 0: none. */
export const SQE_DEADLINE_LOW = 11;
/** High word of the deadline. */
export const SQE_DEADLINE_HIGH = 12;
/** Mode that the caller asked for, or ANY. */
export const SQE_MODE = 13;

// Cqe: Completion-queue entry. Word offsets within the line:
/** position + 1 when full; stored last with release order, compared only for equality. */
export const CQE_SEQ = 0;
/** Status. */
export const CQE_STATUS = 1;
/** From the submission. */
export const CQE_USER_DATA_LOW = 2;
/** From the submission. */
export const CQE_USER_DATA_HIGH = 3;
/** From the ring header; entries of another generation are refused. */
export const CQE_GENERATION = 4;
/** Bounds violations the kernel counted, saturating. */
export const CQE_VIOLATIONS = 5;
/** Time from taking the entry to publishing this one, ns, saturating; 0 where the executor has no clock. */
export const CQE_DURATION_NS = 6;
/** Mode in which the entry ran. */
export const CQE_MODE = 7;

// RegionHeader: Line 0 of a region. Written once by the silo, before a host starts. Word offsets within the line:
/** REGION_MAGIC. */
export const REGION_HEADER_MAGIC = 0;
/** RING_ABI_VERSION. */
export const REGION_HEADER_VERSION = 1;
/** Rings, one per executor. */
export const REGION_HEADER_RING_COUNT = 2;
/** Entries of each queue of each ring. */
export const REGION_HEADER_RING_CAPACITY = 3;
/** Byte offset of ring 0 in the region; ring r follows r times (3 + 2 ringCapacity) lines later. */
export const REGION_HEADER_RINGS_OFFSET = 4;
/** Byte offset of the arena in the region, a multiple of 4096, low word. */
export const REGION_HEADER_ARENA_OFFSET_LOW = 5;
/** High word. */
export const REGION_HEADER_ARENA_OFFSET_HIGH = 6;
/** Bytes of the arena, low word. */
export const REGION_HEADER_ARENA_BYTES_LOW = 7;
/** High word. */
export const REGION_HEADER_ARENA_BYTES_HIGH = 8;

// HostLine: Line 1 of a region. Written by the device host only. Word offsets within the line:
/** HostState. */
export const HOST_LINE_STATE = 0;
/** Grows about every 20 ms while the process runs, also while it waits. */
export const HOST_LINE_HEARTBEAT = 1;
/** Why the state is FAULTED: an error code of the driver or of the system, else 0. */
export const HOST_LINE_FAULT = 2;
/** The incarnation that writes this line. */
export const HOST_LINE_GENERATION = 3;

/** Submission-queue entry. All fields are u32. */
export interface Sqe {
  /** Op. */
  op: number;
  /** Number under which the kernel was loaded on this device. */
  kernel: number;
  /** The ring's generation when the entry was written. */
  generation: number;
  /** With userDataHigh the only correlation key; copied to the completion. */
  userDataLow: number;
  /** See userDataLow. */
  userDataHigh: number;
  /** Byte offset of the argument block in the arena's memory, low word. */
  paramsLow: number;
  /** High word of the offset. */
  paramsHigh: number;
  /** First item (map), linear id (grid) or workgroup (grid with a workgroup) to run. */
  firstItem: number;
  /** Number of items or ids to run. */
  itemCount: number;
  /** Executor group number: selects the scratch region. */
  group: number;
  /** Absolute deadline, ns on the silo's monotonic clock, low word; 0 with deadlineHigh 0: none. */
  deadlineLow: number;
  /** High word of the deadline. */
  deadlineHigh: number;
  /** Mode that the caller asked for, or ANY. */
  mode: number;
}

export function createSqe(): Sqe {
  return { op: 0, kernel: 0, generation: 0, userDataLow: 0, userDataHigh: 0, paramsLow: 0, paramsHigh: 0, firstItem: 0, itemCount: 0, group: 0, deadlineLow: 0, deadlineHigh: 0, mode: 0 };
}

/** Plain stores; visible to the other side only once the queue publishes the slot. */
export function writeSqe(words: Uint32Array, slot: number, entry: Readonly<Sqe>): void {
  words[slot + 1] = entry.op;
  words[slot + 2] = entry.kernel;
  words[slot + 3] = entry.generation;
  words[slot + 4] = entry.userDataLow;
  words[slot + 5] = entry.userDataHigh;
  words[slot + 6] = entry.paramsLow;
  words[slot + 7] = entry.paramsHigh;
  words[slot + 8] = entry.firstItem;
  words[slot + 9] = entry.itemCount;
  words[slot + 10] = entry.group;
  words[slot + 11] = entry.deadlineLow;
  words[slot + 12] = entry.deadlineHigh;
  words[slot + 13] = entry.mode;
}

/** Plain loads; valid only between `ready` and `advance` of the queue. */
export function readSqe(words: Uint32Array, slot: number, into: Sqe): void {
  into.op = words[slot + 1]!;
  into.kernel = words[slot + 2]!;
  into.generation = words[slot + 3]!;
  into.userDataLow = words[slot + 4]!;
  into.userDataHigh = words[slot + 5]!;
  into.paramsLow = words[slot + 6]!;
  into.paramsHigh = words[slot + 7]!;
  into.firstItem = words[slot + 8]!;
  into.itemCount = words[slot + 9]!;
  into.group = words[slot + 10]!;
  into.deadlineLow = words[slot + 11]!;
  into.deadlineHigh = words[slot + 12]!;
  into.mode = words[slot + 13]!;
}

/** Completion-queue entry. All fields are u32. */
export interface Cqe {
  /** Status. */
  status: number;
  /** From the submission. */
  userDataLow: number;
  /** From the submission. */
  userDataHigh: number;
  /** From the ring header; entries of another generation are refused. */
  generation: number;
  /** Bounds violations the kernel counted, saturating. */
  violations: number;
  /** Time from taking the entry to publishing this one, ns, saturating; 0 where the executor has no clock. */
  durationNs: number;
  /** Mode in which the entry ran. */
  mode: number;
}

export function createCqe(): Cqe {
  return { status: 0, userDataLow: 0, userDataHigh: 0, generation: 0, violations: 0, durationNs: 0, mode: 0 };
}

/** Plain stores; visible to the other side only once the queue publishes the slot. */
export function writeCqe(words: Uint32Array, slot: number, entry: Readonly<Cqe>): void {
  words[slot + 1] = entry.status;
  words[slot + 2] = entry.userDataLow;
  words[slot + 3] = entry.userDataHigh;
  words[slot + 4] = entry.generation;
  words[slot + 5] = entry.violations;
  words[slot + 6] = entry.durationNs;
  words[slot + 7] = entry.mode;
}

/** Plain loads; valid only between `ready` and `advance` of the queue. */
export function readCqe(words: Uint32Array, slot: number, into: Cqe): void {
  into.status = words[slot + 1]!;
  into.userDataLow = words[slot + 2]!;
  into.userDataHigh = words[slot + 3]!;
  into.generation = words[slot + 4]!;
  into.violations = words[slot + 5]!;
  into.durationNs = words[slot + 6]!;
  into.mode = words[slot + 7]!;
}
