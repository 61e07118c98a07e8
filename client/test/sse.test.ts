import { expect, test } from 'vitest';
import { batches, type Frame, SseParser } from '../src/sse.ts';

const STREAM =
  '\uFEFFretry: 1500\r\n\r\n: hello\nid: 1\ndata: {"a":"ä€😀"}\n\nid: 2\rdata: one\rdata: two\r\rid: c~3\r\n\r\n' +
  'event: notice\r\ndata: x\r\n\r\nevent: empty\n\ndata\n\nid: 4\nunknown: y\ndata:  spaced\n\ndata: cut off';

const FRAMES: readonly Frame[] = [
  { event: 'message', id: '1', data: '{"a":"ä€😀"}' },
  { event: 'message', id: '2', data: 'one\ntwo' },
  { event: 'message', id: 'c~3' },
  { event: 'notice', data: 'x' },
  { event: 'message', data: '' },
  { event: 'message', id: '4', data: ' spaced' },
];

async function* pieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    yield bytes.subarray(from, cut);
    from = cut;
  }
}

async function parsed(cuts: readonly number[]): Promise<{ frames: Frame[]; retry?: number }> {
  const frames: Frame[] = [];
  let retry: number | undefined;
  for await (const batch of batches(pieces(new TextEncoder().encode(STREAM), cuts))) {
    frames.push(...batch.frames);
    retry = batch.retryMillis ?? retry;
  }
  return { frames, ...(retry === undefined ? {} : { retry }) };
}

test('a stream cut at every byte says the same', async () => {
  const { length } = new TextEncoder().encode(STREAM);
  expect(await parsed([])).toEqual({ frames: FRAMES, retry: 1500 });
  for (let cut = 0; cut <= length; cut += 1) {
    expect((await parsed([cut])).frames, `cut at ${cut}`).toEqual(FRAMES);
  }
});

test('a stream that comes byte by byte says the same', async () => {
  const { length } = new TextEncoder().encode(STREAM);
  const every = Array.from({ length }, (_, index) => index);
  expect((await parsed(every)).frames).toEqual(FRAMES);
});

test('a carriage return and a line feed in two pieces, with nothing in between, are one line end', () => {
  const parser = new SseParser();
  const frames = ['data: a\r', '', '\ndata: b\r', '\n\r', '\n'].flatMap((piece) =>
    parser.push(piece),
  );
  expect(frames).toEqual([{ event: 'message', data: 'a\nb' }]);
});

test('a frame is bounded, and comments that keep a line open are not counted for ever', () => {
  const parser = new SseParser(100);
  for (let i = 0; i < 50; i += 1) {
    parser.push(': keep-alive\n');
  }
  parser.push('data: small\n');
  expect(() => parser.push('x'.repeat(200))).toThrow('more than 100 characters');
});

test('a long frame in small pieces costs no more than its length', () => {
  const parser = new SseParser();
  parser.push('data: ');
  for (let i = 0; i < 200_000; i += 1) {
    parser.push('0123456789');
  }
  expect(parser.push('\n\n')[0]?.data?.length).toBe(2_000_000);
});
