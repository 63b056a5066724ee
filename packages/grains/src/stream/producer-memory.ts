import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { StreamPosition } from './stream-value.js';

/** Who makes a push, so that it is taken once however often it is made. */
export interface ProducerStamp {
  /** 1 … 64 of `A-Z a-z 0-9 - _ .` */
  readonly producerId: string;
  /** Rises by push; each one of a producer has its own. A whole number from 0. */
  readonly sequence: number;
}

/** That a push was accepted. */
export interface StreamReceipt {
  /** Of its last item. */
  readonly position: StreamPosition;
}

/** Sequences of a producer that are remembered, from its highest downwards. */
const WINDOW = 1_024;
/** Producers that are remembered, the latest ones. */
const MOST_PRODUCERS = 1_024;

interface Producer {
  highest: number;
  readonly receipts: Map<number, Promise<StreamReceipt>>;
}

/** The pushes that a grain has taken, by producer. */
export class ProducerMemory {
  duplicates = 0;
  /** Least recently heard of first. */
  private readonly producers = new Map<string, Producer>();

  /**
   * Makes a push unless it was made before; one that failed was not.
   *
   * @throws GpuBridgeError `INVALID_ARGUMENT` for a sequence so far behind the producer's highest that nobody knows of it.
   */
  once({ producerId, sequence }: ProducerStamp, push: () => Promise<StreamReceipt>): Promise<StreamReceipt> {
    const producer = this.producer(producerId);
    const before = producer.receipts.get(sequence);
    if (before !== undefined) {
      this.duplicates++;
      return before;
    }
    if (sequence <= producer.highest - WINDOW) {
      const expected = `above ${producer.highest - WINDOW}: of a producer the latest ${WINDOW} are known`;
      return Promise.reject(GpuBridgeError.invalidArgument('sequence', sequence, expected));
    }
    const receipt = push();
    producer.receipts.set(sequence, receipt);
    producer.highest = Math.max(producer.highest, sequence);
    this.forgetOld(producer);
    receipt.catch(() => producer.receipts.delete(sequence));
    return receipt;
  }

  /** Seldom, so that it costs a push nothing on average. */
  private forgetOld({ highest, receipts }: Producer): void {
    if (receipts.size < 2 * WINDOW) return;
    for (const sequence of receipts.keys()) if (sequence <= highest - WINDOW) receipts.delete(sequence);
  }

  private producer(producerId: string): Producer {
    const producer = this.producers.get(producerId) ?? { highest: -1, receipts: new Map() };
    this.producers.delete(producerId);
    this.producers.set(producerId, producer);
    for (const known of this.producers.keys()) {
      if (this.producers.size <= MOST_PRODUCERS) break;
      this.producers.delete(known);
    }
    return producer;
  }
}

/** @throws GpuBridgeError `INVALID_ARGUMENT` unless a stamp is there exactly where the stream's delivery needs one. */
export function checkStamp(stamp: ProducerStamp | undefined, needed: boolean): void {
  if (stamp === undefined && !needed) return;
  if (!needed) throw GpuBridgeError.invalidArgument('producer', stamp, 'left out: the stream delivers at most once');
  const { producerId, sequence } = (stamp ?? {}) as Partial<ProducerStamp>;
  if (typeof producerId !== 'string' || !/^[A-Za-z0-9_.-]{1,64}$/.test(producerId))
    throw GpuBridgeError.invalidArgument('producer.producerId', producerId, '1 … 64 of A-Z a-z 0-9 - _ .');
  if (!Number.isSafeInteger(sequence) || sequence! < 0)
    throw GpuBridgeError.invalidArgument('producer.sequence', sequence, 'a whole number from 0');
}
