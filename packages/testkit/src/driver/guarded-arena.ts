import assert from 'node:assert/strict';
import type { ComputeDevice } from '@gpu-bridge/abstractions';

/** Bytes between two blocks that nothing may write. */
const GUARD_BYTES = 64;
const GUARD = 0xa5;

interface Block {
  readonly what: string;
  readonly offset: number;
  readonly sizeBytes: number;
  /** Content a kernel may not change; undefined where it may write. */
  readonly frozen: Uint8Array | undefined;
}

/** Bump allocation in a device's arena, with guards around every block that show who wrote where it may not. */
export class GuardedArena {
  private readonly blocks: Block[] = [];
  private next: number;
  private readonly end: number;
  private readonly bytes: Uint8Array;

  constructor(device: Pick<ComputeDevice, 'memory' | 'arenaOffset' | 'arenaBytes'>) {
    this.bytes = new Uint8Array(device.memory);
    this.next = device.arenaOffset;
    this.end = device.arenaOffset + device.arenaBytes;
    this.raiseGuard();
  }

  /** Offset of `sizeBytes` zero bytes at a multiple of 64, followed by a guard. `what` names it in a failure. */
  allocate(what: string, sizeBytes: number): number {
    const offset = this.next;
    const padded = Math.ceil(sizeBytes / 64) * 64;
    assert.ok(offset + padded + GUARD_BYTES <= this.end, `the arena of ${this.end} bytes is too small for this test`);
    this.bytes.fill(0, offset, offset + sizeBytes);
    this.bytes.fill(GUARD, offset + sizeBytes, offset + padded); // what rounding left over is guarded too
    this.blocks.push({ what, offset, sizeBytes, frozen: undefined });
    this.next = offset + padded;
    this.raiseGuard();
    return offset;
  }

  /** Declares a block's content final: only the device could change it from now on, and must not. */
  freeze(offset: number): void {
    const index = this.blocks.findIndex((b) => b.offset === offset);
    const block = this.blocks[index]!;
    this.blocks[index] = { ...block, frozen: this.bytes.slice(offset, offset + block.sizeBytes) };
  }

  /** @throws AssertionError naming the block beside which, or inside which, something was written. */
  assertIntact(): void {
    let guardFrom = this.blocks[0] === undefined ? this.next - GUARD_BYTES : this.blocks[0].offset - GUARD_BYTES;
    for (const { what, offset, sizeBytes, frozen } of this.blocks) {
      this.assertGuard(guardFrom, offset, `before ${what}`);
      frozen?.forEach((byte, i) => assert.equal(this.bytes[offset + i], byte, `byte ${i} of ${what} was written`));
      guardFrom = offset + sizeBytes;
    }
    this.assertGuard(guardFrom, this.next, `after ${this.blocks.at(-1)?.what ?? 'nothing'}`);
  }

  private assertGuard(from: number, to: number, where: string): void {
    for (let i = from; i < to; i++) assert.equal(this.bytes[i], GUARD, `the guard ${where} was written at byte ${i}`);
  }

  private raiseGuard(): void {
    this.bytes.fill(GUARD, this.next, this.next + GUARD_BYTES);
    this.next += GUARD_BYTES;
  }
}
