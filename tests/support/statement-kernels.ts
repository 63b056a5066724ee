/** Kernels with the statement forms that minifiers rewrite. */
import { f32, i64, input, mapKernel, output, ragged, scratch, struct, u32 } from '@gpu-bridge/kernels';

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
