import {
  LINE_BYTES,
  RING_ABI_VERSION,
  REGION_MAGIC,
  RingMemory,
  SiloEnd,
  ringAbi,
  ringSizeBytes,
} from '@gpu-bridge/protocol';
import type { NativeAddon, NativeRegion } from '../addon/native-addon.js';
import { RegionSignals } from './region-signals.js';

/** Entries of each ring; the broker keeps far fewer in flight. */
const RING_CAPACITY = 16;
const PAGE_BYTES = 4096;
const RINGS_OFFSET = PAGE_BYTES;
/** Word index of the host's line. */
const HOST_LINE = LINE_BYTES / 4;

/** Offset of the arena in a region with so many rings. */
export function arenaOffsetFor(executors: number): number {
  return pages(RINGS_OFFSET + executors * ringSizeBytes(RING_CAPACITY));
}

/** Memory of one device: header, host line, rings, arena; native/README.md "Region". Outlives every host process. */
export class DeviceRegion {
  readonly memory: ArrayBuffer;
  readonly arenaOffset: number;
  private readonly region: NativeRegion;
  private readonly words: Uint32Array<ArrayBuffer>;
  private readonly rings: readonly RingMemory[];

  /** @throws Error when the memory cannot be had. */
  constructor(
    addon: NativeAddon,
    executors: number,
    readonly arenaBytes: number,
  ) {
    this.arenaOffset = arenaOffsetFor(executors);
    this.region = addon.createRegion(this.arenaOffset + pages(arenaBytes));
    this.memory = this.region.memory;
    this.words = new Uint32Array(this.memory, 0, RINGS_OFFSET / 4);
    this.writeHeader(executors);
    const bytes = ringSizeBytes(RING_CAPACITY);
    this.rings = Array.from({ length: executors }, (_, group) => {
      const offset = RINGS_OFFSET + group * bytes;
      return new RingMemory(this.memory, offset, RING_CAPACITY, new RegionSignals(this.region, offset, bytes));
    });
  }

  /** The memfd, for a host process to inherit. */
  get fd(): number {
    return this.region.fd;
  }

  /** A cleared ring for a new incarnation, and the silo's end of it. No host may serve it meanwhile. */
  newRing(group: number, generation: number): SiloEnd {
    const ring = this.rings[group]!;
    ring.initialise(generation);
    return new SiloEnd(ring);
  }

  /** Changes about every 20 ms while the serving host is alive. */
  hostHeartbeat(): number {
    return Atomics.load(this.words, HOST_LINE + ringAbi.HOST_LINE_HEARTBEAT);
  }

  /** No more hosts and no more waits; the memory stays for its readers. */
  close(): void {
    this.region.close();
  }

  private writeHeader(executors: number): void {
    const { words, arenaOffset, arenaBytes } = this;
    words[ringAbi.REGION_HEADER_MAGIC] = REGION_MAGIC;
    words[ringAbi.REGION_HEADER_VERSION] = RING_ABI_VERSION;
    words[ringAbi.REGION_HEADER_RING_COUNT] = executors;
    words[ringAbi.REGION_HEADER_RING_CAPACITY] = RING_CAPACITY;
    words[ringAbi.REGION_HEADER_RINGS_OFFSET] = RINGS_OFFSET;
    words[ringAbi.REGION_HEADER_ARENA_OFFSET_LOW] = arenaOffset % 2 ** 32;
    words[ringAbi.REGION_HEADER_ARENA_OFFSET_HIGH] = Math.floor(arenaOffset / 2 ** 32);
    words[ringAbi.REGION_HEADER_ARENA_BYTES_LOW] = arenaBytes % 2 ** 32;
    words[ringAbi.REGION_HEADER_ARENA_BYTES_HIGH] = Math.floor(arenaBytes / 2 ** 32);
  }
}

function pages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}
