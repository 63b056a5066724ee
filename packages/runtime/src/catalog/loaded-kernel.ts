import { createHash } from 'node:crypto';
import type { KernelArtifact, KernelDescriptor } from '@gpu-bridge/abstractions';
import { KernelShape } from '../columns/kernel-shape.js';

/** Weight of a new measurement in the running mean of a kernel's service time. */
const SMOOTHING = 0.2;
/** A measurement counts at most this many times the mean: a preempted thread says nothing about the kernel. */
const OUTLIER_FACTOR = 3;

/** A kernel on one device: its number there and what running it has cost so far. */
export class LoadedKernel {
  readonly shape: KernelShape;
  /** Running mean of service time per item, ns; undefined before the first completion. */
  nsPerItem: number | undefined;
  private hash: string | undefined;

  constructor(
    readonly descriptor: KernelDescriptor,
    readonly artifact: KernelArtifact,
    /** Number under which the device's executors know it. */
    readonly kernelNumber: number,
  ) {
    this.shape = new KernelShape(descriptor);
  }

  /** Whether jobs of this kernel may share a slot: items are independent and cannot tell their index. */
  get isCoalescible(): boolean {
    return this.shape.isMap && !this.descriptor.readsItemIndex;
  }

  /** SHA-256 of the module or the text that was loaded, in hexadecimal digits. */
  get artifactHash(): string {
    const { artifact } = this;
    this.hash ??= createHash('sha256')
      .update(artifact.target === 'wasm' ? artifact.bytes : artifact.source)
      .digest('hex');
    return this.hash;
  }

  observe(items: number, durationNs: number): void {
    if (items === 0) return;
    const sample = durationNs / items;
    const mean = this.nsPerItem;
    this.nsPerItem =
      mean === undefined ? sample : mean + SMOOTHING * (Math.min(sample, OUTLIER_FACTOR * Math.max(mean, 0.1)) - mean);
  }

  /** Expected service time of a slot; before the first measurement, one microsecond per item. */
  expectedNs(items: number): number {
    return items * (this.nsPerItem ?? 1_000);
  }
}
