import { ringAbi } from '@gpu-bridge/protocol';
import { CPP } from '../cpp.js';
import { CUDA } from '../cuda.js';
import type { Dialect } from '../dialect.js';
import { OPENCL } from '../opencl.js';

const LINE_WORDS = ringAbi.LINE_BYTES / 4;
const [SILO, EXECUTOR, QUEUES] = [LINE_WORDS, 2 * LINE_WORDS, 3 * LINE_WORDS];

/** Words of a ring, from its start. */
export const WORD = {
  generation: ringAbi.RING_HEADER_GENERATION,
  running: EXECUTOR + ringAbi.EXECUTOR_LINE_RUNNING,
  parked: EXECUTOR + ringAbi.EXECUTOR_LINE_PARKED,
  leases: EXECUTOR + ringAbi.EXECUTOR_LINE_LEASES,
  completionBell: EXECUTOR + ringAbi.EXECUTOR_LINE_COMPLETION_BELL,
  stop: SILO + ringAbi.SILO_LINE_STOP,
  reaperParked: SILO + ringAbi.SILO_LINE_REAPER_PARKED,
} as const;

/** How a language reaches words that another processor reads and writes at the same time. */
const SYSTEM_MEMORY: Readonly<Record<Dialect['target'], (dialect: Dialect) => readonly string[]>> = {
  cpp: () => [
    'static inline uint32_t gb_ring_load(uint32_t* word) {',
    '  return std::atomic_ref<uint32_t>(*word).load(std::memory_order_acquire);',
    '}',
    'static inline void gb_ring_store(uint32_t* word, uint32_t value) {',
    '  std::atomic_ref<uint32_t>(*word).store(value, std::memory_order_release);',
    '}',
    'static inline void gb_ring_fence() { std::atomic_thread_fence(std::memory_order_seq_cst); }',
    'static inline uint64_t gb_ring_now() {',
    '  return (uint64_t)std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();',
    '}',
  ],
  opencl: () => [
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
  cuda: ({ functionPrefix }) => [
    `${functionPrefix} unsigned int gb_ring_load(unsigned int* word) {`,
    '  unsigned int value;',
    '  asm volatile("ld.acquire.sys.u32 %0, [%1];" : "=r"(value) : "l"(word) : "memory");',
    '  return value;',
    '}',
    `${functionPrefix} void gb_ring_store(unsigned int* word, unsigned int value) {`,
    '  asm volatile("st.release.sys.u32 [%0], %1;" : : "l"(word), "r"(value) : "memory");',
    '}',
    `${functionPrefix} void gb_ring_fence() { asm volatile("fence.sc.sys;" : : : "memory"); }`,
    `${functionPrefix} unsigned long long gb_ring_now() {`,
    '  unsigned long long now;',
    '  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));',
    '  return now;',
    '}',
  ],
};

/** The protocol's operations of an executor's end, for one leading lane; see `ExecutorEnd` of the protocol package. */
export function ringText(dialect: Dialect): string[] {
  const { u32 } = dialect.types;
  const { global, shared } = dialect.spaces;
  const fn = `static ${dialect.target === 'cuda' ? '__device__ ' : ''}`;
  const slot = (queue: string): string =>
    `${global}${u32}* slot = ring + ${QUEUES} + (${queue}(position & (ring[${ringAbi.RING_HEADER_CAPACITY}] - 1))) * ${LINE_WORDS};`;
  return [
    ...SYSTEM_MEMORY[dialect.target](dialect),
    '// Polls for the entry of this position. False where the lease ends: by the stop word once the queue is empty, or by',
    '// too many empty polls; then the ring says that the executor is parked, and the next submission rings the bell.',
    `${fn}bool gb_ring_take(${global}${u32}* ring, ${u32} position, ${u32} maxEmptyPolls, ${shared}${u32}* entry) {`,
    `  ${slot('')}`,
    `  for (${u32} polls = 0; gb_ring_load(slot) != position + 1; ++polls) {`,
    `    if (gb_ring_load(ring + ${WORD.stop}) != 0) {`,
    '      // What was submitted before the stop is seen after it.',
    '      if (gb_ring_load(slot) == position + 1) break;',
    '      return false;',
    '    }',
    '    if (polls < maxEmptyPolls) continue;',
    `    gb_ring_store(ring + ${WORD.parked}, 1);`,
    '    // The other side publishes, then looks at the flag; this side sets the flag, then looks at the slot.',
    '    gb_ring_fence();',
    `    if (gb_ring_load(slot) != position + 1 && gb_ring_load(ring + ${WORD.stop}) == 0) return false;`,
    `    gb_ring_store(ring + ${WORD.parked}, 0);`,
    '    polls = 0;',
    '  }',
    `  gb_ring_store(ring + ${WORD.running}, position + 1);`,
    `  for (int i = 0; i < ${LINE_WORDS}; ++i) entry[i] = slot[i];`,
    '  return true;',
    '}',
    '// Publishes a completion; true where the reaper is parked and has to be woken.',
    `${fn}bool gb_ring_complete(${global}${u32}* ring, ${u32} position, const ${shared}${u32}* entry, ${u32} status, ${u32} violations, ${dialect.types.u64} nanoseconds) {`,
    `  ${slot(`ring[${ringAbi.RING_HEADER_CAPACITY}] + `)}`,
    `  slot[${ringAbi.CQE_STATUS}] = status;`,
    `  slot[${ringAbi.CQE_USER_DATA_LOW}] = entry[${ringAbi.SQE_USER_DATA_LOW}];`,
    `  slot[${ringAbi.CQE_USER_DATA_HIGH}] = entry[${ringAbi.SQE_USER_DATA_HIGH}];`,
    `  slot[${ringAbi.CQE_GENERATION}] = ring[${ringAbi.RING_HEADER_GENERATION}];`,
    `  slot[${ringAbi.CQE_VIOLATIONS}] = violations;`,
    `  slot[${ringAbi.CQE_DURATION_NS}] = nanoseconds < 4294967295${dialect.suffixes.u64} ? (${u32})nanoseconds : 4294967295u;`,
    '  gb_ring_store(slot, position + 1);',
    '  gb_ring_fence();',
    `  if (gb_ring_load(ring + ${WORD.reaperParked}) == 0) return false;`,
    `  gb_atomic_add_u32(ring + ${WORD.completionBell}, 1u);`,
    '  return true;',
    '}',
  ];
}

export const DEVICE_DIALECTS = { opencl: OPENCL, cuda: CUDA } as const;
export const HOST_DIALECT = CPP;
