/** Longest time between two looks that counts: when this process itself stood still, nothing is known of the other. */
const MAX_STEP_MS = 1_000;

/** How long a number that should change has not. */
export class Pulse {
  /** ms; 0 after a change, and while nothing was looked at. */
  stillMs = 0;
  /** Whether it ever changed since `rest`. */
  hasBeaten = false;
  private value: number | undefined;
  private generation = 0;
  private lookedMs = 0;

  /** @param generation - of what beats: another one begins anew. */
  look(value: number, generation: number, nowMs: number): void {
    const isNew = this.value === undefined || this.generation !== generation;
    if (!isNew && value === this.value) this.stillMs += Math.min(nowMs - this.lookedMs, MAX_STEP_MS);
    else this.stillMs = 0;
    this.hasBeaten = isNew ? false : this.hasBeaten || value !== this.value;
    this.value = value;
    this.generation = generation;
    this.lookedMs = nowMs;
  }

  /** Nothing is expected of it for now. */
  rest(): void {
    this.value = undefined;
    this.stillMs = 0;
    this.hasBeaten = false;
  }
}
