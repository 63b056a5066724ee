import { SCRATCH_ALIGN_BYTES, WideColumn, sizeOf } from '@gpu-bridge/abstractions';
import type { ArgumentSlot, ColumnBatch, CompiledKernel, GpuResult, KernelTarget } from '@gpu-bridge/abstractions';
import type { DecompositionExecutor } from '../decompose.js';
import type { DecompositionInputs, DecompositionOutputs } from '../kernel/journal-columns.js';

type Run = (block: number, first: number, count: number, group: number) => number;

const PAGE_BYTES = 65_536;
const BLOCK = 1024;
const WRITTEN = 0xa5;

/** Runs the compiled kernel on the calling thread, in a memory of its own, by the argument layout of its descriptor. */
export class InProcessExecutor implements DecompositionExecutor {
  /** Accesses outside of an array that the kernel was stopped from. */
  violations = 0;

  /** @param microBatch - items of one call of the kernel, and of one batch of results. */
  constructor(
    private readonly compiled: CompiledKernel,
    private readonly target: KernelTarget,
    private readonly microBatch = 1024,
  ) {}

  execute(
    inputs: DecompositionInputs,
    _hints?: unknown,
    signal?: AbortSignal,
  ): Promise<{ batches: AsyncIterable<ColumnBatch<DecompositionOutputs>>; result: Promise<GpuResult> }> {
    signal?.throwIfAborted();
    const itemCount = inputs.lines.offsets.length - 1;
    const jobId = 'in-process';
    return Promise.resolve({
      batches: this.batches(jobId, inputs, itemCount, signal),
      result: Promise.resolve({ jobId, itemCount, outcome: 'completed' } as GpuResult),
    });
  }

  private async *batches(
    jobId: string,
    inputs: DecompositionInputs,
    itemCount: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ColumnBatch<DecompositionOutputs>> {
    const { memory, at } = this.layOut(inputs, itemCount);
    const run = this.instantiate(memory);
    const u32 = (param: string, column: string, first: number, count: number): Uint32Array =>
      new Uint32Array(memory.buffer, at(param, column) + 4 * first, count);
    const wide = (param: string, column: string, first: number, count: number): WideColumn =>
      new WideColumn(new BigInt64Array(memory.buffer, at(param, column) + 8 * first, count));
    const { offsets } = inputs.lines;
    for (let firstItem = 0; firstItem < itemCount; firstItem += this.microBatch) {
      signal?.throwIfAborted();
      const count = Math.min(this.microBatch, itemCount - firstItem);
      this.violations += run(BLOCK, firstItem, count, 0);
      const first = offsets[firstItem]! + firstItem;
      const places = offsets[firstItem + count]! + firstItem + count - first;
      yield {
        jobId,
        firstItem,
        itemCount: count,
        columns: {
          flows: {
            counts: u32('flows', 'counts', firstItem, count),
            start: (item) => offsets[firstItem + item]! - offsets[firstItem]! + item,
            columns: {
              fromLine: u32('flows', 'fromLine', first, places),
              toLine: u32('flows', 'toLine', first, places),
              amount: wide('flows', 'amount', first, places),
              method: u32('flows', 'method', first, places),
              confidence: new Float32Array(memory.buffer, at('flows', 'confidence') + 4 * first, places),
            },
          },
          summary: {
            method: u32('summary', 'method', firstItem, count),
            residue: wide('summary', 'residue', firstItem, count),
          },
        },
      };
      await Promise.resolve();
    }
  }

  private instantiate(memory: WebAssembly.Memory): Run {
    const artifact = this.compiled.artifacts.find(({ target }) => target === this.target);
    if (artifact?.target === 'wasm') {
      const instance = new WebAssembly.Instance(new WebAssembly.Module(artifact.bytes), { env: { memory } });
      return instance.exports.run as unknown as Run;
    }
    if (artifact === undefined) throw new Error(`no ${this.target} artifact`);
    const { buffer } = memory;
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- runs the compiler's own output, as a host would
    const evaluate = new Function(`return (${artifact.source});`) as () => (memory: typeof buffer) => Run;
    return evaluate()(buffer);
  }

  private layOut(
    inputs: DecompositionInputs,
    itemCount: number,
  ): { memory: WebAssembly.Memory; at: (param: string, column: string) => number } {
    const { layout, params } = this.compiled.descriptor;
    const { offsets } = inputs.lines;
    const lines = offsets[itemCount]!;
    let longest = 0;
    for (let i = 0; i < itemCount; i++) longest = Math.max(longest, offsets[i + 1]! - offsets[i]!);
    const elementsOf = ({ param, part }: ArgumentSlot): number => {
      const declared = params[param]!;
      if (part === 'uniform') return 0;
      if (part === 'offsets') return itemCount + 1;
      if (declared.role === 'scratch') return declared.max[0] * longest + declared.max[1];
      if (part === 'counts' || declared.type.kind !== 'ragged') return itemCount;
      return declared.role === 'input' ? lines : lines + itemCount;
    };
    let end = BLOCK + layout.sizeBytes;
    const places = layout.slots.map((slot) => {
      const start = Math.ceil(end / SCRATCH_ALIGN_BYTES) * SCRATCH_ALIGN_BYTES;
      const elements = elementsOf(slot);
      end = start + elements * sizeOf(slot.dtype);
      return { slot, start, elements };
    });
    const pages = Math.ceil(end / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    // Nothing may depend on what memory holds before.
    new Uint8Array(memory.buffer).fill(WRITTEN);
    const view = new DataView(memory.buffer);
    view.setUint32(BLOCK, itemCount, true);
    places.forEach(({ slot, start, elements }, i) => {
      const slotAt = BLOCK + 16 + 16 * i;
      if (slot.part === 'uniform') view.setUint32(slotAt, inputs.direction, true);
      else {
        view.setUint32(slotAt + 4, elements, true);
        view.setBigUint64(slotAt + 8, BigInt(start), true);
      }
    });
    const at = (param: string, column: string): number =>
      places.find(({ slot }) => slot.param === param && (slot.column === column || slot.part === column))!.start;
    const { amount, account, accountClass } = inputs.lines.columns;
    new Uint32Array(memory.buffer, at('lines', 'offsets'), itemCount + 1).set(offsets);
    new BigInt64Array(memory.buffer, at('lines', 'amount'), lines).set(amount as BigInt64Array);
    new Uint32Array(memory.buffer, at('lines', 'account'), lines).set(account);
    new Uint32Array(memory.buffer, at('lines', 'accountClass'), lines).set(accountClass);
    return { memory, at };
  }
}
