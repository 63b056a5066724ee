/** Functions that emitted code may call; only those it names are put in front of it. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  select: '(condition, whenTrue, whenFalse) => (condition ? whenTrue : whenFalse)',
  read: '(view, start, length, index, none) => (index >>> 0 < length ? view[start + (index >>> 0)] : (violations++, none))',
  write:
    '(view, start, length, index, value) => { if (index >>> 0 < length) view[start + (index >>> 0)] = value; else violations++; }',
  update:
    '(view, start, length, index, value, combine) => { if (index >>> 0 < length) view[start + (index >>> 0)] = combine(view[start + (index >>> 0)], value); else violations++; }',
  div_i32: '(a, b) => (b === 0 ? a : (a / b) | 0)',
  div_u32: '(a, b) => (b === 0 ? a : Math.floor(a / b))',
  div_i64: '(a, b) => (b === 0n ? a : BigInt.asIntN(64, a / b))',
  div_u64: '(a, b) => (b === 0n ? a : a / b)',
  rem_i32: '(a, b) => (b === 0 ? 0 : (a % b) | 0)',
  rem_u32: '(a, b) => (b === 0 ? 0 : a % b)',
  rem_i64: '(a, b) => (b === 0n ? 0n : a % b)',
  rem_u64: '(a, b) => (b === 0n ? 0n : a % b)',
  min_wide: '(a, b) => (a < b ? a : b)',
  max_wide: '(a, b) => (a > b ? a : b)',
  abs_wide: '(a) => (a < 0n ? -a : a)',
  popcount_32: '(a) => { let n = 0; for (let x = a >>> 0; x !== 0; x = (x & (x - 1)) >>> 0) n++; return n; }',
  clz_32: '(a) => Math.clz32(a)',
  ctz_32: '(a) => (a === 0 ? 32 : 31 - Math.clz32(a & -a))',
  popcount_wide: '(a) => { let n = 0n; for (let x = BigInt.asUintN(64, a); x !== 0n; x &= x - 1n) n++; return n; }',
  clz_wide: '(a) => { let n = 64n; for (let x = BigInt.asUintN(64, a); x !== 0n; x >>= 1n) n--; return n; }',
  ctz_wide:
    '(a) => { if (a === 0n) return 64n; let n = 0n; for (let x = BigInt.asUintN(64, a); (x & 1n) === 0n; x >>= 1n) n++; return n; }',
  saturate_i32: '(a) => (Number.isNaN(a) ? 0 : Math.max(-2147483648, Math.min(2147483647, a)) | 0)',
  saturate_u32: '(a) => (Number.isNaN(a) ? 0 : Math.max(0, Math.min(4294967295, a)) >>> 0)',
  saturate_i64:
    '(a) => { if (Number.isNaN(a)) return 0n; if (a >= 9223372036854775808) return 9223372036854775807n; return a < -9223372036854775808 ? -9223372036854775808n : BigInt(Math.trunc(a)); }',
  saturate_u64:
    '(a) => { if (Number.isNaN(a) || a <= -1) return 0n; return a >= 18446744073709551616 ? 18446744073709551615n : BigInt(Math.trunc(a)); }',
  bitcast_f32_i32: '(a) => (bits.setFloat32(0, a), bits.getInt32(0))',
  bitcast_f32_u32: '(a) => (bits.setFloat32(0, a), bits.getUint32(0))',
  bitcast_i32_f32: '(a) => (bits.setInt32(0, a), bits.getFloat32(0))',
  bitcast_u32_f32: '(a) => (bits.setUint32(0, a), bits.getFloat32(0))',
  bitcast_f64_i64: '(a) => (bits.setFloat64(0, a), bits.getBigInt64(0))',
  bitcast_f64_u64: '(a) => (bits.setFloat64(0, a), bits.getBigUint64(0))',
  bitcast_i64_f64: '(a) => (bits.setBigInt64(0, a), bits.getFloat64(0))',
  bitcast_u64_f64: '(a) => (bits.setBigUint64(0, a), bits.getFloat64(0))',
  atomic:
    '(view, start, length, index, expected, value, none, apply) => (index >>> 0 < length ? apply(view, start + (index >>> 0), value, expected) : (violations++, none))',
  atomic_min: '(view, at, value) => exchangeWhile(view, at, value, (old) => value < old)',
  atomic_max: '(view, at, value) => exchangeWhile(view, at, value, (old) => value > old)',
  exchangeWhile:
    '(view, at, value, wins) => { for (;;) { const old = Atomics.load(view, at); if (!wins(old) || Atomics.compareExchange(view, at, old, value) === old) return old; } }',
  // Atomics exist for integers only: the view is that of the bits.
  atomic_load_f32: '(view, at) => bitcast_u32_f32(Atomics.load(view, at))',
  atomic_store_f32: '(view, at, value) => Atomics.store(view, at, bitcast_f32_u32(value))',
  atomic_exchange_f32: '(view, at, value) => bitcast_u32_f32(Atomics.exchange(view, at, bitcast_f32_u32(value)))',
  atomic_add_f32:
    '(view, at, value) => { for (;;) { const old = Atomics.load(view, at); const sum = bitcast_f32_u32(Math.fround(bitcast_u32_f32(old) + value)); if (Atomics.compareExchange(view, at, old, sum) === old) return bitcast_u32_f32(old); } }',
};

/** Declarations of the functions that `text` names, and of those these name. */
export function preludeFor(text: string): string[] {
  const wanted = new Set<string>();
  const scan = (source: string): void => {
    for (const [word] of source.matchAll(/\b[a-zA-Z_]\w*\b/g)) {
      const found = FUNCTIONS[word];
      if (found === undefined || wanted.has(word)) continue;
      wanted.add(word);
      scan(found);
    }
  };
  scan(text);
  const lines = Object.entries(FUNCTIONS).flatMap(([name, source]) =>
    wanted.has(name) ? [`const ${name} = ${source};`] : [],
  );
  return lines.some((line) => line.includes('bits.'))
    ? ['const bits = new DataView(new ArrayBuffer(8));', ...lines]
    : lines;
}
