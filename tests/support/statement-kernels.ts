/** Kernels with the statement forms that minifiers rewrite. */
import {
  array,
  bool,
  f32,
  helper,
  i32,
  i64,
  input,
  mapKernel,
  mutableArray,
  output,
  ragged,
  scratch,
  struct,
  u32,
} from '@gpu-bridge/kernels';

const params = {
  lines: input(ragged(struct({ amount: i64, kind: u32 }))),
  rate: input(f32),
  work: scratch(u32, { max: [1, 4] }),
  out: output(struct({ n: u32, sum: i64, rate: f32 })),
};

export const branches = mapKernel('statements/branches', { params }, (k, { lines, rate, work, out }) => {
  let found = k.u32(0);
  let sum = k.i64(0);
  if (lines.length === 0) {
    out.n = 0;
    return;
  }
  for (let i = k.u32(0); i < lines.length; i++) {
    const amount = lines.amount[i]!;
    if (amount < 0n) continue;
    if (lines.kind[i]! === 3 || !(amount > 5n)) {
      if (found < work.length) {
        work[found] = i;
        found++;
      }
    } else if (amount > 1000n) {
      break;
    }
    sum += amount;
  }
  while (true) {
    if (found > 3) break;
    found += 2;
  }
  out.n = found > 4 ? found : 4;
  if (rate > 2) out.rate = rate;
  else out.rate = 2;
  out.sum = sum;
});

export const loops = mapKernel('statements/loops', { params }, (k, { lines, rate, work, out }) => {
  const limit = work.length;
  let at = k.u32(0);
  do {
    const kind = lines.kind[at]!;
    work[at] = 3 * kind + 1;
    if (kind === 7 && at > 2) break;
    at++;
  } while (at < limit);
  let steps = k.u32(0);
  for (let i = limit; i > 0; i--) {
    const j = i - 1;
    const left = work[j]!;
    const right = work[i]!;
    if (left > right) {
      work[i] = left;
      work[j] = right;
      steps++;
    } else {
      steps = steps + 2;
      if (steps > 100) return;
    }
  }
  const half = rate * 0.5;
  const third = rate / 3;
  if (!(half < third)) {
    out.n = steps;
  } else {
    out.n = 0 - steps;
  }
  let isLow = false;
  for (let i = k.u32(0); i < limit && !isLow; i++) isLow = work[i]! === 0;
  out.rate = isLow ? half : third;
});

export const assignments = mapKernel('statements/assignments', { params }, (k, { lines, rate, out }) => {
  let n = k.u32(1);
  let sum = k.i64(0);
  const first = lines.amount[0]!;
  const second = lines.amount[1]!;
  if (first === second) return;
  if (first > second) sum = first;
  else sum = second;
  if (rate !== 0 && n === 1) n = 2;
  n = n * 4;
  n |= 1;
  const twice = n;
  for (let i = k.u32(0); i < twice; i++) {
    if (i % 2 === 0) {
      sum += 1n;
      continue;
    }
    if (i === 5) {
      n++;
    } else if (i === 7) {
      n--;
    } else {
      n ^= i;
    }
    sum -= 2n;
  }
  out.n = n;
  out.sum = sum;
  out.rate = rate > 1 ? (rate > 2 ? 3 : 2) : rate < -1 ? -1 : 0;
});

export const values = mapKernel(
  'statements/values',
  { params: { a: input(f32), b: input(f32), i: input(i32), out: output(struct({ x: f32, y: f32, n: i32, m: i32 })) } },
  (k, { a, b, i, out }) => {
    const sum = a + b;
    const difference = a - b;
    const scaled = sum * difference;
    out.y = 1 / scaled;
    const least = k.min(sum, difference);
    const most = k.max(sum, difference);
    out.x = -a + b * -1 + (least - -most) * (0.1 * 3);
    const low = i & 0xff;
    const high = i >> 8;
    let n = -low + high;
    let m = i;
    m = m * 3;
    m = m - -5;
    if (n < 0) n = -n;
    if (10 > n) {
      n = n + 1;
      m = m + 1;
    } else if (n > 20 && m > 20) {
      const middle = (n + m) / 2;
      n = middle;
      m = middle - 1;
    } else {
      m = n === m ? 0 : m > n ? 1 : -1;
    }
    const isOdd = (n & 1) !== 0;
    const isBig = m > 1000;
    if (isOdd || isBig) n ^= 1;
    if (!isOdd && !isBig) m = ~m;
    out.n = n;
    out.m = m % 7;
  },
);

export const bits = mapKernel(
  'statements/bits',
  { params: { a: input(u32), b: input(i32), out: output(struct({ x: u32, y: i32, n: u32 })) } },
  (k, { a, b, out }) => {
    const mask = a & 15;
    if (mask === 15) out.x = a >> 4;
    else if ((a & 3) === 0) out.x = a << 2;
    else if (mask !== 8) out.x = a ^ 0xff;
    if ((b & 6) === 6 && b > 0) out.y = ~b;
    else out.y = b ^ -1;
    let n = k.u32(0);
    for (let rest = a; rest !== 0; rest = rest & (rest - 1)) n++;
    while ((n & 1) === 1) n >>= 1;
    const isEven = (n & 1) === 0;
    out.n = k.u32(isEven) + k.select((a & 0x80000000) !== 0, n, k.u32(1));
  },
);

const gcd = helper('gcd', { args: { a: u32, b: u32 }, returns: u32 }, (k, { a, b }) => {
  let x = a;
  let y = b;
  if (x === 0) return y;
  while (y !== 0) {
    const rest = x % y;
    x = y;
    y = rest;
  }
  return x;
});

const isAscending = helper('isAscending', { args: { xs: array(u32), from: u32 }, returns: bool }, (k, { xs, from }) => {
  const length = xs.length;
  for (let i = from + 1; i < length; i++) {
    if (xs[i - 1]! > xs[i]!) return false;
  }
  return true;
});

const reverse = helper('reverse', { args: { xs: mutableArray(u32), from: u32, to: u32 } }, (k, { xs, from, to }) => {
  if (to <= from) return;
  let left = from;
  let right = to - 1;
  while (left < right) {
    const held = xs[left]!;
    xs[left] = xs[right]!;
    xs[right] = held;
    left++;
    right--;
  }
});

export const helpers = mapKernel(
  'statements/helpers',
  {
    params: { xs: input(ragged(u32)), work: scratch(u32, { max: [1, 1] }), out: output(struct({ n: u32, up: u32 })) },
    uses: { gcd, isAscending, reverse },
  },
  (k, { xs, work, out }) => {
    const { uses } = k;
    const length = xs.length;
    let all = k.u32(0);
    for (let i = k.u32(0); i < length; i++) {
      const x = xs[i]!;
      work[i] = x;
      all = uses.gcd({ a: all, b: x });
      if (all === 1) {
        out.n = 1;
        break;
      }
    }
    if (!uses.isAscending({ xs, from: 0 }) && length > 1) {
      uses.reverse({ xs: work, from: 0, to: length });
      out.up = k.select(uses.isAscending({ xs: work, from: 0 }), 2, 0);
    } else {
      out.up = 1;
    }
    if (all !== 1) out.n = all;
  },
);
