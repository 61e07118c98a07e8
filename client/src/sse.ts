/**
 * Event streams, after "Server-sent events" of the HTML standard: lines end with LF, CR or CR LF,
 * which may be cut anywhere, in the middle of a character too. Unlike EventSource it also tells
 * frames with an id and no data, which move the cursor.
 */

export interface Frame {
  /** `message` unless the frame names another one. */
  readonly event: string;
  /** Absent where the frame has none; then the cursor stays where it was. */
  readonly id?: string;
  /** Absent where the frame has none. */
  readonly data?: string;
}

/** A frame that is longer is no frame of Perdure, in UTF-16 code units. */
export const MAX_FRAME_CHARS = 64 * 1024 * 1024;

export class StreamError extends Error {
  override readonly name = 'StreamError';
}

/** Takes text as it comes and gives the frames that are whole. */
export class SseParser {
  /** The milliseconds after which the server wants to see its clients again, once it said so. */
  retryMillis: number | undefined;

  #line: string[] = [];
  #afterCr = false;
  #chars = 0;
  #event = '';
  #id: string | undefined;
  #data: string[] = [];

  constructor(private readonly maxFrameChars = MAX_FRAME_CHARS) {}

  push(chunk: string): Frame[] {
    const frames: Frame[] = [];
    let from = this.#afterCr && chunk.startsWith('\n') ? 1 : 0;
    if (chunk.length > 0) {
      this.#afterCr = chunk.endsWith('\r');
    }
    while (from < chunk.length) {
      const end = lineEnd(chunk, from);
      this.#take(chunk.slice(from, end));
      if (end === chunk.length) {
        break;
      }
      this.#endLine(frames);
      from = chunk[end] === '\r' && chunk[end + 1] === '\n' ? end + 2 : end + 1;
    }
    return frames;
  }

  #take(piece: string): void {
    this.#chars += piece.length;
    if (this.#chars > this.maxFrameChars) {
      throw new StreamError(
        `A frame of the stream has more than ${this.maxFrameChars} characters. Check what stands between client and server.`,
      );
    }
    if (piece !== '') {
      this.#line.push(piece);
    }
  }

  #endLine(frames: Frame[]): void {
    const line = this.#line.length === 1 ? (this.#line[0] ?? '') : this.#line.join('');
    this.#line = [];
    if (line === '') {
      this.#endFrame(frames);
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) {
      // A comment; only what belongs to a frame counts against its limit.
      this.#chars -= line.length;
      return;
    }
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    this.#field(name, value);
  }

  #field(name: string, value: string): void {
    if (name === 'data') {
      this.#data.push(value);
    } else if (name === 'event') {
      this.#event = value;
    } else if (name === 'id' && !value.includes('\0')) {
      this.#id = value;
    } else if (name === 'retry' && /^[0-9]{1,9}$/.test(value)) {
      this.retryMillis = Number(value);
    }
  }

  #endFrame(frames: Frame[]): void {
    if (this.#data.length > 0 || this.#id !== undefined) {
      frames.push({
        event: this.#event === '' ? 'message' : this.#event,
        ...(this.#id === undefined ? {} : { id: this.#id }),
        ...(this.#data.length === 0 ? {} : { data: this.#data.join('\n') }),
      });
    }
    this.#event = '';
    this.#id = undefined;
    this.#data = [];
    this.#chars = 0;
  }
}

function lineEnd(chunk: string, from: number): number {
  const lf = chunk.indexOf('\n', from);
  const cr = chunk.indexOf('\r', from);
  if (lf < 0 && cr < 0) {
    return chunk.length;
  }
  return lf < 0 ? cr : cr < 0 ? lf : Math.min(lf, cr);
}

/** What one read of a stream has brought; without frames it was a heartbeat. */
export interface Batch {
  readonly frames: readonly Frame[];
  readonly retryMillis?: number;
}

/** The frames of a stream of bytes, batch by batch as they arrive. */
export async function* batches(
  chunks: AsyncIterable<Uint8Array>,
  maxFrameChars = MAX_FRAME_CHARS,
): AsyncGenerator<Batch> {
  const parser = new SseParser(maxFrameChars);
  // Takes a byte order mark away, and keeps the first bytes of a character that was cut.
  const decoder = new TextDecoder();
  for await (const chunk of chunks) {
    const frames = parser.push(decoder.decode(chunk, { stream: true }));
    yield parser.retryMillis === undefined
      ? { frames }
      : { frames, retryMillis: parser.retryMillis };
  }
}
