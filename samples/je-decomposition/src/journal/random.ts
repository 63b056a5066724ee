/**
 * A small seeded generator, xoshiro128** (Blackman and Vigna, https://prng.di.unimi.it), for sample data: the same seed
 * gives the same journal. Not for secrets.
 */
export class Random {
  private s0: number;
  private s1: number;
  private s2: number;
  private s3: number;

  /** @param seed - an integer; its low 32 bits count. */
  constructor(seed: number) {
    // splitmix32 spreads the seed over the state.
    let state = seed | 0;
    const word = (): number => {
      state = (state + 0x9e37_79b9) | 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
      return z ^ (z >>> 15);
    };
    this.s0 = word();
    this.s1 = word();
    this.s2 = word();
    this.s3 = word();
  }

  /** @returns 32 random bits as an unsigned number. */
  bits(): number {
    const scrambled = Math.imul(this.s1, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
    const t = this.s1 << 9;
    this.s2 ^= this.s0;
    this.s3 ^= this.s1;
    this.s1 ^= this.s2;
    this.s0 ^= this.s3;
    this.s2 ^= t;
    this.s3 = (this.s3 << 11) | (this.s3 >>> 21);
    return result >>> 0;
  }

  /** @returns a number in [0, 1) with 32 random bits. */
  unit(): number {
    return this.bits() / 4_294_967_296;
  }

  /** @returns an integer in [0, bound), bound ≤ 2^32. */
  below(bound: number): number {
    return Math.floor(this.unit() * bound);
  }

  /** @returns a standard normal deviate (Box and Muller). */
  normal(): number {
    // 1 - unit() is above 0, so its logarithm is finite.
    return Math.sqrt(-2 * Math.log(1 - this.unit())) * Math.cos(2 * Math.PI * this.unit());
  }
}
