import { Mode, Op, Status, ringAbi } from '@gpu-bridge/protocol';
import { CUDA } from '../cuda.js';
import type { Dialect } from '../dialect.js';
import { OPENCL } from '../opencl.js';

export const DEVICE_DIALECTS = { opencl: OPENCL, cuda: CUDA } as const;

const LINE_WORDS = ringAbi.LINE_BYTES / 4;
const [SILO, EXECUTOR, QUEUES] = [LINE_WORDS, 2 * LINE_WORDS, 3 * LINE_WORDS];

/** Words of a ring, from its start. */
const WORD = {
  generation: ringAbi.RING_HEADER_GENERATION,
  running: EXECUTOR + ringAbi.EXECUTOR_LINE_RUNNING,
  parked: EXECUTOR + ringAbi.EXECUTOR_LINE_PARKED,
  leases: EXECUTOR + ringAbi.EXECUTOR_LINE_LEASES,
  heartbeat: EXECUTOR + ringAbi.EXECUTOR_LINE_HEARTBEAT,
  completionBell: EXECUTOR + ringAbi.EXECUTOR_LINE_COMPLETION_BELL,
  stop: SILO + ringAbi.SILO_LINE_STOP,
  reaperParked: SILO + ringAbi.SILO_LINE_REAPER_PARKED,
} as const;

/** Empty polls between two looks at the stop word, and two heartbeats. */
const POLLS_PER_BEAT = 256;

/** How a language reaches words that another processor reads and writes at the same time. */
const SYSTEM_MEMORY: Readonly<Record<keyof typeof DEVICE_DIALECTS, readonly string[]>> = {
  opencl: [
    // PoCL announces all-devices scope and does not declare it; device scope serves between host and kernel there.
    '#if __OPENCL_C_VERSION__ >= 300 && defined(__opencl_c_atomic_order_acq_rel) && defined(__opencl_c_atomic_order_seq_cst)',
    '#ifdef __opencl_c_atomic_scope_all_devices',
    '#define GB_RING_SCOPE memory_scope_all_devices',
    '#else',
    '#define GB_RING_SCOPE memory_scope_device',
    '#endif',
    'static inline uint gb_ring_load(__global uint* word) {',
    '  return atomic_load_explicit((volatile __global atomic_uint*)word, memory_order_acquire, GB_RING_SCOPE);',
    '}',
    'static inline void gb_ring_store(__global uint* word, uint value) {',
    '  atomic_store_explicit((volatile __global atomic_uint*)word, value, memory_order_release, GB_RING_SCOPE);',
    '}',
    'static inline void gb_ring_fence(void) {',
    '  atomic_work_item_fence(CLK_GLOBAL_MEM_FENCE, memory_order_seq_cst, GB_RING_SCOPE);',
    '}',
    '#else',
    'static inline uint gb_ring_load(__global uint* word) {',
    '  const uint value = *(volatile __global uint*)word;',
    '  mem_fence(CLK_GLOBAL_MEM_FENCE);',
    '  return value;',
    '}',
    'static inline void gb_ring_store(__global uint* word, uint value) {',
    '  mem_fence(CLK_GLOBAL_MEM_FENCE);',
    '  *(volatile __global uint*)word = value;',
    '}',
    'static inline void gb_ring_fence(void) { mem_fence(CLK_GLOBAL_MEM_FENCE); }',
    '#endif',
    // The language has no clock.
    'static inline ulong gb_ring_now(void) { return 0; }',
  ],
  cuda: [
    `${CUDA.functionPrefix} unsigned int gb_ring_load(unsigned int* word) {`,
    '  unsigned int value;',
    '  asm volatile("ld.acquire.sys.u32 %0, [%1];" : "=r"(value) : "l"(word) : "memory");',
    '  return value;',
    '}',
    `${CUDA.functionPrefix} void gb_ring_store(unsigned int* word, unsigned int value) {`,
    '  asm volatile("st.release.sys.u32 [%0], %1;" : : "l"(word), "r"(value) : "memory");',
    '}',
    `${CUDA.functionPrefix} void gb_ring_fence() { asm volatile("fence.sc.sys;" : : : "memory"); }`,
    `${CUDA.functionPrefix} unsigned long long gb_ring_now() {`,
    '  unsigned long long now;',
    '  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));',
    '  return now;',
    '}',
  ],
};

/** What stands before functions that are too long to be copied to their callers. */
export function longFunction({ target }: Dialect): string {
  return `static ${target === 'cuda' ? '__device__ ' : ''}`;
}

/** The protocol's operations of an executor's end, for one leading lane; see `ExecutorEnd` of the protocol package. */
export function ringText(target: keyof typeof DEVICE_DIALECTS): string[] {
  const dialect = DEVICE_DIALECTS[target];
  const { u32, u64 } = dialect.types;
  const { global, shared } = dialect.spaces;
  const fn = longFunction(dialect);
  const slot = (queue: string): string =>
    `${global}${u32}* slot = ring + ${QUEUES}u + (${queue}(position & (capacity - 1u))) * ${LINE_WORDS}u;`;
  return [
    ...SYSTEM_MEMORY[target],
    '// Polls for the entry of this position and reads it. False where the lease ends: by the stop word once the queue is',
    '// empty, or by too many empty polls; then the ring says that the executor is parked, and the next submission rings.',
    `${fn}bool gb_ring_await(${global}${u32}* ring, ${u32} capacity, ${u32} position, ${u32} maxEmptyPolls, ${u32}* beat, ${shared}${u32}* entry) {`,
    `  ${slot('')}`,
    `  for (${u32} polls = 0; gb_ring_load(slot) != position + 1; ++polls) {`,
    '    const bool isIdle = polls >= maxEmptyPolls;',
    `    if (!isIdle && polls % ${POLLS_PER_BEAT}u != 0) continue;`,
    `    gb_atomic_store_u32(ring + ${WORD.heartbeat}, ++*beat);`,
    `    if (gb_ring_load(ring + ${WORD.stop}) != 0) {`,
    '      // What was submitted before the stop is seen after it.',
    '      if (gb_ring_load(slot) == position + 1) break;',
    '      return false;',
    '    }',
    '    if (!isIdle) continue;',
    `    gb_ring_store(ring + ${WORD.parked}, 1);`,
    '    // The other side publishes, then looks at the flag; this side sets the flag, then looks at the slot.',
    '    gb_ring_fence();',
    `    if (gb_ring_load(slot) != position + 1 && gb_ring_load(ring + ${WORD.stop}) == 0) return false;`,
    `    gb_ring_store(ring + ${WORD.parked}, 0);`,
    '    polls = 0;',
    '  }',
    `  for (int i = 0; i < ${LINE_WORDS}; ++i) entry[i] = slot[i];`,
    '  return true;',
    '}',
    '// Names the entry as running, so that a death names its suspect.',
    `${fn}void gb_ring_take(${global}${u32}* ring, ${u32} position, ${u32}* beat) {`,
    `  gb_atomic_store_u32(ring + ${WORD.heartbeat}, ++*beat);`,
    `  gb_ring_store(ring + ${WORD.running}, position + 1);`,
    '}',
    '// Publishes a completion, and rings where the reaper is parked.',
    `${fn}void gb_ring_complete(${global}${u32}* ring, ${u32} capacity, ${u32} position, const ${shared}${u32}* entry, ${u32} status, ${u32} violations, ${u64} nanoseconds, ${u32} mode) {`,
    `  ${slot('capacity + ')}`,
    `  slot[${ringAbi.CQE_STATUS}] = status;`,
    `  slot[${ringAbi.CQE_USER_DATA_LOW}] = entry[${ringAbi.SQE_USER_DATA_LOW}];`,
    `  slot[${ringAbi.CQE_USER_DATA_HIGH}] = entry[${ringAbi.SQE_USER_DATA_HIGH}];`,
    `  slot[${ringAbi.CQE_GENERATION}] = ring[${WORD.generation}];`,
    `  slot[${ringAbi.CQE_VIOLATIONS}] = violations;`,
    `  slot[${ringAbi.CQE_DURATION_NS}] = nanoseconds < 4294967295${dialect.suffixes.u64} ? (${u32})nanoseconds : 4294967295u;`,
    `  slot[${ringAbi.CQE_MODE}] = mode;`,
    '  gb_ring_store(slot, position + 1);',
    '  gb_ring_fence();',
    `  if (gb_ring_load(ring + ${WORD.reaperParked}) == 0) return;`,
    // Nobody else writes this line.
    `  gb_ring_store(ring + ${WORD.completionBell}, ring[${WORD.completionBell}] + 1);`,
    '}',
  ];
}

/** Statements that begin a lease, for the leading lane. */
export const BEGIN_LEASE: readonly string[] = [
  `gb_ring_store(ring + ${WORD.parked}, 0);`,
  `gb_ring_store(ring + ${WORD.leases}, ring[${WORD.leases}] + 1);`,
];

/** Declarations of what a lease goes by. The size of a ring is what the host says, whatever stands in its header. */
export function leaseState({ types: { u32 } }: Dialect): string[] {
  return [
    `const ${u32} capacity = (ringBytes / ${ringAbi.LINE_BYTES}u - 3u) / 2u;`,
    `const ${u32} generation = ring[${WORD.generation}];`,
    `${u32} position = ring[${WORD.running}];`,
    `${u32} beat = ring[${WORD.heartbeat}];`,
    `const ${u32} mode = maxEntries == ${NO_LIMIT} ? ${Mode.RESIDENT}u : ${Mode.LEASED}u;`,
  ];
}

/** A number of entries that does not end a lease. */
export const NO_LIMIT = '4294967295u';

const SQE_WORDS = {
  OP: ringAbi.SQE_OP,
  KERNEL: ringAbi.SQE_KERNEL,
  GENERATION: ringAbi.SQE_GENERATION,
  PARAMS_LOW: ringAbi.SQE_PARAMS_LOW,
  PARAMS_HIGH: ringAbi.SQE_PARAMS_HIGH,
  FIRST_ITEM: ringAbi.SQE_FIRST_ITEM,
  ITEM_COUNT: ringAbi.SQE_ITEM_COUNT,
  GROUP: ringAbi.SQE_GROUP,
  MODE: ringAbi.SQE_MODE,
} as const;

/** A word of the entry that was read. */
export function entryWord(word: keyof typeof SQE_WORDS): string {
  return `entry[${SQE_WORDS[word]}]`;
}

/** Whether the entry is for a loop over these kernels; anybody else's is left where it is. */
export function isForLoop(numbers: readonly number[]): string {
  const known = numbers.map((number) => `${entryWord('KERNEL')} == ${number}u`).join(' || ');
  return `${entryWord('OP')} == ${Op.RUN}u && ${entryWord('MODE')} != ${Mode.LAUNCHED}u && (${known})`;
}

/** As in a text. */
export function statusText(status: keyof typeof Status): string {
  return `${Status[status]}u`;
}
