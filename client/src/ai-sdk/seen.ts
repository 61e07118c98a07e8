import { isToolUIPart, type UIMessage, type UIMessageChunk } from 'ai';

/** Ids of the calls that a message answers. */
export type Answered = ReadonlySet<string>;

/** The calls to which a message that is sent again has a result, or an answer to an approval. */
export function answeredIn(message: UIMessage | undefined): Answered {
  const calls = new Set<string>();
  if (message?.role === 'assistant') {
    for (const part of message.parts) {
      if (isToolUIPart(part)) {
        calls.add(part.toolCallId);
      }
    }
  }
  return calls;
}

/**
 * Which chunks of a reply the page has. A replay has the same chunks in the same order from the start
 * on, so those that are there already are counted off. A stream that goes on behind an answer begins
 * with the start of the message and then with what came of the answered calls; in a replay that is
 * found by the first result that had not been there before. The end of a step may be told in one and
 * not in the other, and says nothing, so it is not counted.
 */
export class Seen {
  readonly #answered: Answered;
  #have = 0;
  #sum = 0;
  #toSkip = 0;
  #skipped = 0;
  #seeking = false;
  #first: string | undefined;

  constructor(answered: Answered) {
    this.#answered = answered;
  }

  /** A replay begins. */
  again(): void {
    this.#toSkip = this.#have;
    this.#skipped = 0;
    this.#seeking = this.#answered.size > 0;
  }

  /** Whether the page is to be shown the next chunk. */
  isNew(chunk: UIMessageChunk): boolean {
    if (chunk.type === 'finish-step') {
      return this.#toSkip === 0 && !this.#seeking;
    }
    const text = JSON.stringify(chunk);
    if (chunk.type === 'start' && this.#have > 0 && this.#toSkip > 0) {
      this.#toSkip--;
      this.#skipped = hash(0, text);
      return this.#check(false);
    }
    if (this.#seeking && !this.#isBeginning(chunk, text)) {
      return chunk.type === 'start' && this.#have === 0 ? this.#take(chunk, text) : false;
    }
    this.#seeking = false;
    if (this.#toSkip > 0) {
      this.#toSkip--;
      this.#skipped = hash(this.#skipped, text);
      return this.#check(false);
    }
    return this.#take(chunk, text);
  }

  #take(chunk: UIMessageChunk, text: string): boolean {
    this.#have++;
    this.#sum = hash(this.#sum, text);
    if (chunk.type !== 'start' && this.#first === undefined) {
      this.#first = text;
    }
    return true;
  }

  #isBeginning(chunk: UIMessageChunk, text: string): boolean {
    if (this.#first !== undefined) {
      return text === this.#first;
    }
    return (
      (chunk.type === 'tool-approval-response' && this.#answered.has(chunk.approvalId)) ||
      ((chunk.type === 'tool-output-available' || chunk.type === 'tool-output-error') &&
        this.#answered.has(chunk.toolCallId))
    );
  }

  /** What was counted off must be what the page has: else it would be shown a reply that never was. */
  #check(result: boolean): boolean {
    if (this.#toSkip === 0 && this.#skipped !== this.#sum) {
      throw new Error('The reply was begun anew while it was away. Resume it.');
    }
    return result;
  }
}

/** FNV-1a over UTF-16 code units; tells a changed reply from the same one, and no more. */
function hash(before: number, text: string): number {
  let sum = before === 0 ? 0x811c9dc5 : before;
  for (let i = 0; i < text.length; i++) {
    sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193);
  }
  return sum | 0;
}
