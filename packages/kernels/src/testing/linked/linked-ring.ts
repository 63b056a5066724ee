import type { CompiledKernel, LinkedKernel } from '@gpu-bridge/abstractions';
import {
  ExecutorEnd,
  Op,
  RingMemory,
  SiloEnd,
  createCqe,
  createSqe,
  ringAbi,
  ringSizeBytes,
} from '@gpu-bridge/protocol';
import type { Cqe, Sqe } from '@gpu-bridge/protocol';
import { placeIn, prepare } from '../argument-block.js';
import type { Arguments, Prepared } from '../argument-block.js';
import { launchKernels } from '../opencl/opencl-launches.js';

/** A kernel that runs from a ring: its number there, and what it works on. */
export interface RingCase {
  readonly number: number;
  readonly compiled: CompiledKernel;
  readonly args: Arguments;
}

export const GENERATION = 5;
/** Ring that is served, of two. */
export const RING = 1;
const NO_LIMIT = 2 ** 32 - 1;

const RINGS_OFFSET = 4096;
const LINE_WORDS = ringAbi.LINE_BYTES / 4;
/** Of 64 KiB, for each case. */
export const PAGES = 32;
const PART = PAGES * 65_536;

/** Memory as a device host has it: rings, then an arena with the arguments of every case in a part of its own. */
export class LinkedRing {
  readonly memory: Uint8Array;
  readonly arenaOffset: number;
  readonly silo: SiloEnd;
  readonly ring: RingMemory;
  private readonly prepared: readonly Prepared[];

  /** @param spareBytes - of the memory, behind what the kernels are told of it. */
  constructor(
    private readonly cases: readonly RingCase[],
    private readonly capacity = 32,
    private readonly spareBytes = 0,
  ) {
    this.arenaOffset = Math.ceil((RINGS_OFFSET + 2 * ringSizeBytes(capacity)) / 4096) * 4096;
    const buffer = new SharedArrayBuffer(this.arenaOffset + cases.length * PART + spareBytes);
    this.memory = new Uint8Array(buffer);
    this.prepared = cases.map(({ compiled, args }, i) => {
      const prepared = prepare(compiled, args, PAGES);
      placeIn(this.memory, this.arenaOffset + i * PART, compiled, prepared);
      return prepared;
    });
    this.ring = new RingMemory(buffer, RINGS_OFFSET + RING * ringSizeBytes(capacity), capacity);
    this.ring.initialise(GENERATION);
    this.silo = new SiloEnd(this.ring);
  }

  /** An entry that runs a case; its user data is the number. */
  entryOf(number: number, changes: Partial<Sqe> = {}): Sqe {
    const i = this.cases.findIndex((c) => c.number === number);
    const { layout, units } = this.prepared[i]!;
    const [firstItem, itemCount] = this.cases[i]!.args.range ?? [0, units];
    const paramsLow = this.arenaOffset + i * PART + layout.block;
    return {
      ...createSqe(),
      op: Op.RUN,
      kernel: number,
      generation: GENERATION,
      userDataLow: number,
      paramsLow,
      firstItem,
      itemCount,
      group: RING,
      ...changes,
    };
  }

  /** Launches the loop once. */
  serve(linked: LinkedKernel, lanes: number, flags: readonly string[], maxEntries = NO_LIMIT): void {
    const localSize = linked.groupSize ?? lanes;
    const args = [
      { at: 0 },
      { u64: this.memory.byteLength - this.spareBytes },
      { u64: this.arenaOffset },
      { at: RINGS_OFFSET },
      { u32: ringSizeBytes(this.capacity) },
      { u32: RING },
      { u32: 10 },
      { u32: maxEntries },
    ];
    const launch = { entry: linked.entry, memory: this.memory, args, globalSize: localSize, localSize };
    launchKernels([linked.source], [...linked.flags, ...flags], [launch]);
  }

  /** Answers the next entry as a host does that ran it by itself. */
  answerNext(completion: Partial<Cqe>): void {
    const host = new ExecutorEnd(this.ring, this.running());
    host.take(createSqe());
    host.complete({ ...createCqe(), ...completion });
  }

  /** Position behind the last entry that was taken. */
  running(): number {
    return this.ring.words[2 * LINE_WORDS + ringAbi.EXECUTOR_LINE_RUNNING]!;
  }

  /** Whether the executor writes this byte of memory: its line and the completions of the ring that is served. */
  isExecutors(byte: number): boolean {
    const line = Math.floor((byte - this.ring.words.byteOffset) / ringAbi.LINE_BYTES);
    return line === 2 || (line >= 3 + this.capacity && line < 3 + 2 * this.capacity);
  }

  /** All completions that wait. */
  reap(): Cqe[] {
    const found: Cqe[] = [];
    for (let next = createCqe(); this.silo.reap(next); next = createCqe()) found.push(next);
    return found;
  }

  /** Outputs of a case. */
  collect(number: number): Record<string, unknown> {
    const i = this.cases.findIndex((c) => c.number === number);
    const { layout, collect } = this.prepared[i]!;
    const at = this.arenaOffset + i * PART;
    new Uint8Array(layout.memory.buffer).set(this.memory.subarray(at, at + PART));
    return collect();
  }
}
