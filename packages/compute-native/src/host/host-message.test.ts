import { describe, expect, it } from 'vitest';
import { LineSplitter, parseHostMessage } from './host-message.js';

function valuesOf(line: string): Record<string, string> | undefined {
  const message = parseHostMessage(line);
  return message && Object.fromEntries(message.values);
}

describe('parseHostMessage', () => {
  it('decodes values, which may be empty or hold further equal signs', () => {
    const line = 'opened name=Portable%20CL%20%E2%82%AC mode=resident log= flags=a=b';
    expect(parseHostMessage(line)?.verb).toBe('opened');
    expect(valuesOf(line)).toEqual({ name: 'Portable CL €', mode: 'resident', log: '', flags: 'a=b' });
    expect(valuesOf('standby\r')).toEqual({});
  });

  it('leaves alone what is not encoded as UTF-8', () => {
    expect(valuesOf('fatal reason=50%25 reason2=%E2%28 reason3=100%')).toEqual({
      reason: '50%',
      reason2: '%E2%28',
      reason3: '100%',
    });
  });

  it.each(['', '   ', 'Segmentation fault', 'opened name', 'OPENED a=b', 'opened =b', '{"verb":1}'])(
    'takes %j for no message',
    (line) => expect(parseHostMessage(line)).toBeUndefined(),
  );
});

describe('LineSplitter', () => {
  it('joins what chunks cut, inside characters too, and gives the last line without a newline', () => {
    const bytes = Buffer.from('eins €\nzwei\n\ndrei');
    for (let cut = 0; cut <= bytes.length; cut++) {
      const lines: string[] = [];
      const splitter = new LineSplitter((line) => lines.push(line));
      splitter.push(bytes.subarray(0, cut));
      splitter.push(bytes.subarray(cut));
      splitter.end();
      expect(lines).toEqual(['eins €', 'zwei', '', 'drei']);
    }
  });

  it('keeps no more of a line without an end than a build log may have', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    for (let i = 0; i < 100; i++) splitter.push(Buffer.alloc(2 ** 16, 'x'));
    splitter.push(Buffer.from('\nnext\n'));
    expect(lines[0]!.length).toBeLessThanOrEqual(2 ** 22 + 2 ** 16);
    expect(lines[1]).toBe('next');
  });
});
