const view = new DataView(new ArrayBuffer(8));

export function f32FromBits(bits: number): number {
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

/**
 * How far an f32 is from the real result, in units of the last place of that result. Infinite where one of the two is NaN
 * or infinite and the other is not, or where signs of zeros and infinities differ.
 *
 * @param exact - the result in f64, which is as good as exact here.
 */
export function ulpsF32(actual: number, exact: number): number {
  const rounded = Math.fround(exact);
  if (Object.is(actual, rounded)) {
    return Number.isFinite(rounded) && rounded !== 0 ? Math.abs(actual - exact) / unitF32(exact) : 0;
  }
  const comparable = Number.isFinite(actual) && Number.isFinite(rounded) && exact !== 0;
  return comparable ? Math.abs(actual - exact) / unitF32(exact) : Infinity;
}

/** The last place of an f32 of this size; denormals share one. */
function unitF32(value: number): number {
  return 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(value)))) - 23);
}
