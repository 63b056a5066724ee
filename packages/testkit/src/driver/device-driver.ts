import assert from 'node:assert/strict';
import { ARGUMENT_HEADER_BYTES } from '@gpu-bridge/abstractions';
import { Op, Status, createCqe, createSqe } from '@gpu-bridge/protocol';
import type {
  CompiledKernel,
  ComputeDevice,
  Executor,
  KernelArtifact,
  KernelCompiler,
  KernelDefinition,
  KernelDescriptor,
  LinkMember,
} from '@gpu-bridge/abstractions';
import type { Cqe, Sqe } from '@gpu-bridge/protocol';
import { bindArguments } from './bind-arguments.js';
import { GuardedArena } from './guarded-arena.js';
import { Unsupported } from './unsupported.js';
import type { BindRequest, BoundArguments } from './bind-arguments.js';

export interface DriverOptions {
  readonly compiler: KernelCompiler;
  /** Longest wait for anything, ms: a bound on failure, not a pace. Default 30,000. */
  readonly boundMs?: number;
  /** Seals the device after each kernel that it loads, so that entries run in its resident form. Default false. */
  readonly seals?: boolean;
}

/** A kernel that the device knows. */
export interface LoadedKernel {
  readonly kernelNumber: number;
  readonly descriptor: KernelDescriptor;
}

/** The fields of an entry that a test may set; the rest follow from the executor. */
export type EntryRequest = Partial<Sqe> & { readonly executor?: Executor };

/** A submitted entry, by which its completion is recognised. */
export interface Submitted {
  readonly executor: Executor;
  readonly entry: Readonly<Sqe>;
  readonly position: number;
}

/** Of artifacts that no compiler made: they take no arguments. */
const WITHOUT_PARAMETERS: KernelDescriptor = {
  id: 'test/raw@0000000000000000',
  name: 'test/raw',
  kind: 'map',
  params: {},
  layout: { slots: [], sizeBytes: ARGUMENT_HEADER_BYTES },
  effects: 'pure',
  requires: [],
  readsItemIndex: false,
  fp: 'strict',
  bounds: 'checked',
  workgroup: null,
  workspaceBytes: 0,
  irVersion: 0,
};

/**
 * The least that stands between a test and an open device: compiles and loads kernels, lays out arguments, submits
 * entries and waits for their completions. No queueing, no retries: what the device answers is what the test gets.
 */
export class DeviceDriver {
  readonly arena: GuardedArena;
  private readonly boundMs: number;
  /** Number of the kernel that was provided last, refused or not. */
  lastKernel = 0;
  private readonly members: LinkMember[] = [];
  private entries = 0;

  constructor(
    readonly device: ComputeDevice,
    private readonly options: DriverOptions,
  ) {
    this.arena = new GuardedArena(device);
    this.boundMs = options.boundMs ?? 30_000;
    // Waiting for a completion keeps no process alive by itself.
    for (const executor of device.executors) executor.hold(true);
  }

  /** The first executor. */
  get executor(): Executor {
    return this.device.executors[0]!;
  }

  /**
   * Compiles the kernel, provides it and has every executor take it.
   *
   * @throws Unsupported when the device says that it cannot take this kernel.
   */
  async load(definition: KernelDefinition): Promise<LoadedKernel> {
    const loaded = await this.loadUnsealed(definition);
    if (this.options.seals === true) await this.seal();
    return loaded;
  }

  /** As `load`, whatever the option `seals` says. */
  async loadUnsealed(definition: KernelDefinition): Promise<LoadedKernel> {
    const { descriptor, artifact } = this.compile(definition);
    const kernelNumber = await this.loadArtifact(artifact, descriptor);
    this.members.push({ number: kernelNumber, definition });
    return { kernelNumber, descriptor };
  }

  /** Seals the device, where it can be, with the kernels that were loaded from definitions. */
  async seal(): Promise<void> {
    const { device, members } = this;
    const { compiler } = this.options;
    await device.seal?.((target) => {
      if (compiler.link === undefined) throw new Unsupported(`the compiler links nothing for ${target}`);
      return compiler.link(members, target);
    });
  }

  /** As `load`, but executors learn of it only by `Op.LOAD_KERNEL` or a restart. */
  async loadLater(definition: KernelDefinition): Promise<LoadedKernel> {
    const { descriptor, artifact } = this.compile(definition);
    return { kernelNumber: await this.provide(artifact, descriptor), descriptor };
  }

  /** Provides the artifact and has every executor take it; returns its number. */
  async loadArtifact(artifact: KernelArtifact, descriptor = WITHOUT_PARAMETERS): Promise<number> {
    const kernelNumber = await this.provide(artifact, descriptor);
    for (const executor of this.device.executors) {
      this.submit({ executor, op: Op.LOAD_KERNEL, kernel: kernelNumber });
      const { status } = await this.next(executor);
      assert.equal(status, Status.OK, `executor ${executor.group} answers ${status} to LOAD_KERNEL`);
    }
    return kernelNumber;
  }

  /** Provides the artifact without telling the executors. */
  async provide(artifact: KernelArtifact, descriptor = WITHOUT_PARAMETERS): Promise<number> {
    const kernelNumber = ++this.lastKernel;
    await this.device.provideKernel(kernelNumber, artifact, descriptor);
    return kernelNumber;
  }

  /** An argument block of one item, for kernels without parameters. */
  blockWithoutParameters(): number {
    const offset = this.arena.allocate('an argument block', ARGUMENT_HEADER_BYTES);
    new Uint32Array(this.device.memory, offset, 4).fill(1);
    return offset;
  }

  bind(kernel: LoadedKernel, request: BindRequest): BoundArguments {
    return bindArguments(this.device, this.arena, kernel.descriptor, request);
  }

  /** Submits one entry, by default a `RUN` for the executor's current generation with userData of its own. */
  submit({ executor = this.executor, ...fields }: EntryRequest): Submitted {
    const number = ++this.entries;
    const entry: Sqe = {
      ...createSqe(),
      op: Op.RUN,
      generation: executor.generation,
      userDataLow: Math.imul(number, 0x9e3779b1) >>> 0,
      userDataHigh: ~number >>> 0,
      group: executor.group,
      ...fields,
    };
    return { executor, entry, position: executor.ring.submit(entry) };
  }

  /** Submits a run of `kernel` over a range of its arguments. */
  submitRun(kernel: LoadedKernel, args: BoundArguments, itemCount: number, fields: EntryRequest = {}): Submitted {
    return this.submit({ kernel: kernel.kernelNumber, paramsLow: args.offset, itemCount, ...fields });
  }

  /** Runs `kernel` over a range of its arguments and waits for the answer, which must be to this entry. */
  async run(kernel: LoadedKernel, args: BoundArguments, itemCount: number, fields: EntryRequest = {}): Promise<Cqe> {
    return this.answer(this.submitRun(kernel, args, itemCount, fields));
  }

  /** The completion of the oldest entry, which must be this one. */
  async answer({ executor, entry }: Submitted): Promise<Cqe> {
    const cqe = await this.next(executor);
    const seen = { userDataLow: cqe.userDataLow, userDataHigh: cqe.userDataHigh, generation: cqe.generation };
    const { userDataLow, userDataHigh } = entry;
    assert.deepEqual(seen, { userDataLow, userDataHigh, generation: executor.generation });
    return cqe;
  }

  /** The next completion of an executor, whatever it belongs to. */
  async next(executor: Executor = this.executor): Promise<Cqe> {
    const cqe = createCqe();
    const { ring } = executor;
    if (ring.reap(cqe)) return cqe;
    await this.within(
      'a completion',
      async (isOver) => {
        while (!isOver() && !ring.reap(cqe)) await ring.park();
      },
      () => ring.unpark(),
    );
    return cqe;
  }

  /** Waits until `condition` holds, looking once per turn of the event loop. */
  async until(what: string, condition: () => boolean): Promise<void> {
    await this.within(what, async (isOver) => {
      while (!isOver() && !condition()) await new Promise((resolve) => setImmediate(resolve));
    });
  }

  /** Awaits `work`; fails when it takes longer than the bound. */
  async within<T>(
    what: string,
    work: (isOver: () => boolean) => Promise<T>,
    giveUp = (): void => undefined,
  ): Promise<T> {
    let over = false;
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        over = true;
        giveUp();
        reject(new Error(`waited ${this.boundMs} ms for ${what}`));
      }, this.boundMs);
    });
    try {
      return await Promise.race([work(() => over), bound]);
    } finally {
      clearTimeout(timer);
    }
  }

  private compile(definition: KernelDefinition): { descriptor: KernelDescriptor; artifact: KernelArtifact } {
    const { compiler } = this.options;
    const cache = compiled.get(compiler) ?? new Map<KernelDefinition, CompiledKernel>();
    compiled.set(compiler, cache);
    const kernel = cache.get(definition) ?? compiler.compile(definition);
    cache.set(definition, kernel);
    const { descriptor, artifacts } = kernel;
    const { targets, offers } = this.device.description;
    const missing = descriptor.requires.filter((r) => !offers.includes(r));
    if (missing.length > 0) throw new Unsupported(`no ${missing.join(', ')}`);
    const artifact = targets.flatMap((t) => artifacts.filter((a) => a.target === t))[0];
    if (artifact === undefined) throw new Unsupported(`the compiler makes none of ${targets.join(', ')}`);
    return { descriptor, artifact };
  }
}

/** Suites load the same few kernels into many devices. */
const compiled = new WeakMap<KernelCompiler, Map<KernelDefinition, CompiledKernel>>();
