import { ARGUMENT_HEADER_BYTES, ARGUMENT_SLOT_BYTES, SCRATCH_ALIGN_BYTES } from '@gpu-bridge/abstractions';
import type { KernelDescriptor } from '@gpu-bridge/abstractions';

export type Column = Float32Array<SharedArrayBuffer> | Uint32Array<SharedArrayBuffer>;

const PAGE_BYTES = 65_536;
const ALIGN_BYTES = 64;

/** One shared memory with the columns and argument blocks of all kernels, as a backend keeps them. */
export class Arena {
  readonly memory: WebAssembly.Memory;
  private cursor = PAGE_BYTES;
  private readonly view: DataView;

  constructor(sizeBytes: number) {
    const pages = Math.ceil(sizeBytes / PAGE_BYTES);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.view = new DataView(this.memory.buffer);
  }

  get usedBytes(): number {
    return this.cursor;
  }

  f32(length: number): Float32Array<SharedArrayBuffer> {
    return new Float32Array(this.memory.buffer as SharedArrayBuffer, this.reserve(4 * length), length);
  }

  u32(length: number): Uint32Array<SharedArrayBuffer> {
    return new Uint32Array(this.memory.buffer as SharedArrayBuffer, this.reserve(4 * length), length);
  }

  /**
   * Writes an argument block over columns of this arena.
   *
   * @param columns - by parameter; a uniform is a column of one element.
   * @param executors - how many threads run the kernel at a time: each gets a workspace.
   * @returns the block's byte offset.
   */
  argumentBlock(
    { layout, workspaceBytes }: KernelDescriptor,
    size: readonly [x: number, y: number],
    columns: Readonly<Record<string, Column>>,
    executors: number,
  ): number {
    const block = this.reserve(layout.sizeBytes);
    [size[0] * size[1], ...size, 1].forEach((word, i) => this.view.setUint32(block + 4 * i, word, true));
    layout.slots.forEach(({ param, part }, i) => {
      const slot = block + ARGUMENT_HEADER_BYTES + ARGUMENT_SLOT_BYTES * i;
      const column = columns[param];
      if (part === 'uniform') {
        this.view.setFloat32(slot, column![0]!, true);
        return;
      }
      const stride = Math.ceil(workspaceBytes / SCRATCH_ALIGN_BYTES) * SCRATCH_ALIGN_BYTES;
      const elements = part === 'workspace' ? workspaceBytes / 4 : column!.length;
      const offset = part === 'workspace' ? this.reserve(stride * executors) : column!.byteOffset;
      this.view.setUint32(slot + 4, elements, true);
      this.view.setBigUint64(slot + 8, BigInt(offset), true);
    });
    return block;
  }

  private reserve(bytes: number): number {
    const start = this.cursor;
    this.cursor = Math.ceil((start + bytes) / ALIGN_BYTES) * ALIGN_BYTES;
    if (this.cursor > this.memory.buffer.byteLength) throw new RangeError('the arena is too small');
    return start;
  }
}
