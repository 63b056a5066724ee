/** First in, first out, in constant time; `Array.shift` moves every element that is left. */
export class Fifo<T> {
  private items: (T | undefined)[] = [];
  private first = 0;

  get length(): number {
    return this.items.length - this.first;
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** The oldest item; only while `length` is above 0. */
  shift(): T {
    const item = this.items[this.first] as T;
    this.items[this.first++] = undefined; // must not keep batches alive
    // Copies at most half of the array, after as many shifts: constant time on average.
    if (this.first >= 32 && this.first * 2 >= this.items.length) {
      this.items = this.items.slice(this.first);
      this.first = 0;
    }
    return item;
  }

  clear(): void {
    this.items = [];
    this.first = 0;
  }
}
