import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { NatsLink } from './nats-link.js';

/** What came of it: the entry, or the sequence of the entry that stands there instead (0: none; undefined: not told). */
export type Written =
  { readonly sequence: number; readonly duplicate: boolean } | { readonly standing: number | undefined };

/**
 * Writes to one stream of the servers, behind the expected last entry of the subject.
 *
 * Servers before 2.10.27 that replicate compare a sequence above 0 when the write arrives and not again when it is applied:
 * of 40 writers that expected the same entry of a replicated stream, 2.9.10 let up to 40 win. What they do compare when it
 * is applied is the last sequence of the whole stream, so there the write names that one as well. A refusal tells the
 * sequence that stood in the way, of the subject or of the stream; behind that one it is tried again, and refused with the
 * same sequence only on account of the subject.
 */
export class ConditionalWriter {
  /** Of the stream, as far as we know. */
  private last = 0;

  constructor(private readonly link: NatsLink) {}

  /** @param expected - sequence of the subject's last entry; 0: none. Default: whatever it is. */
  async write(
    what: string,
    subject: string,
    payload: Uint8Array | undefined,
    fields: MsgHdrs,
    expected?: number,
  ): Promise<Written> {
    if (expected !== undefined) fields.set('Nats-Expected-Last-Subject-Sequence', `${expected}`);
    const endMs = performance.now() + this.link.timing.retryForMs;
    return this.link.attempt(what, async ({ connection }): Promise<Written> => {
      const isGuarded = expected !== undefined && expected > 0 && this.link.comparesOnArrivalOnly;
      for (let guard = isGuarded ? Math.max(this.last, expected) : undefined; ;) {
        if (guard === undefined) fields.delete('Nats-Expected-Last-Sequence');
        else fields.set('Nats-Expected-Last-Sequence', `${guard}`);
        try {
          const receipt = await this.link.ask<{ seq: number; duplicate?: boolean }>(
            connection,
            subject,
            payload,
            fields,
          );
          this.last = receipt.seq;
          return { sequence: receipt.seq, duplicate: receipt.duplicate ?? false };
        } catch (error) {
          const standing = standingOf(error);
          if (standing === 'not-lost') throw error;
          if (guard === undefined || standing === undefined || standing === guard) return { standing };
          if (performance.now() > endMs) throw error; // refused, so that it did not run; too many others write
          guard = standing;
        }
      }
    });
  }
}

function standingOf(error: unknown): number | undefined | 'not-lost' {
  if (!(error instanceof JetStreamApiError)) return 'not-lost';
  const { StreamWrongLastSequence, StreamWrongLastSequenceUnknown } = JetStreamApiCodes;
  if (error.code !== StreamWrongLastSequence && error.code !== StreamWrongLastSequenceUnknown) return 'not-lost';
  const last = /wrong last sequence: (\d+)/.exec(error.message)?.[1];
  return last === undefined ? undefined : Number(last);
}
