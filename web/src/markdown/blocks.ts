/**
 * Cuts a Markdown text that grows into blocks. A block that is settled never changes again, so it is
 * parsed once; only the last one is live. Each character is looked at once, whatever the number of
 * pieces in which the text comes.
 *
 * A block ends at a blank line outside of code fences and display maths, unless the next line belongs
 * to the same list. Links whose address is defined in another block stay as they are written; models
 * write them inline.
 */
export interface Blocks {
  readonly settled: readonly string[];
  readonly live: string;
}

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const LIST = /^ {0,3}(?:[-*+]|\d{1,9}[.)])\s/;
const INDENTED = /^(?: {2,}|\t)/;

export class BlockSplitter {
  private text = '';
  private settled: readonly string[] = [];
  /** Where the live block begins. */
  private start = 0;
  /** Where the first line begins that was not looked at; all before are whole lines. */
  private at = 0;
  /** The marker that closes the fence or the display maths that is open. */
  private open = '';
  /** Whether the last line was blank, outside of `open`, behind something. */
  private gap = false;
  private inList = false;

  /** Takes the whole text so far. One that is not a continuation starts anew. */
  update(text: string): Blocks {
    if (!text.startsWith(this.text)) {
      this.reset();
    }
    this.text = text;
    const found: string[] = [];
    for (let end = text.indexOf('\n', this.at); end >= 0; end = text.indexOf('\n', this.at)) {
      this.line(text.slice(this.at, end), found);
      this.at = end + 1;
    }
    if (found.length > 0) {
      this.settled = [...this.settled, ...found];
    }
    return { settled: this.settled, live: text.slice(this.start) };
  }

  private reset() {
    this.settled = [];
    this.start = 0;
    this.at = 0;
    this.open = '';
    this.gap = false;
    this.inList = false;
  }

  private line(line: string, found: string[]) {
    if (this.open !== '') {
      this.closes(line);
      return;
    }
    if (line.trim() === '') {
      this.gap = this.at > this.start;
      return;
    }
    if (this.gap && !(this.inList && (LIST.test(line) || INDENTED.test(line)))) {
      found.push(this.text.slice(this.start, this.at));
      this.start = this.at;
      this.inList = false;
    }
    this.gap = false;
    if (this.at === this.start) {
      this.inList = LIST.test(line);
    }
    this.opens(line);
  }

  private opens(line: string) {
    const fence = FENCE.exec(line.trimStart());
    if (fence?.[1] !== undefined) {
      this.open = fence[1];
      return;
    }
    const trimmed = line.trim();
    if (trimmed === '$$' || trimmed === '\\[') {
      this.open = trimmed === '$$' ? '$$' : '\\]';
    }
  }

  private closes(line: string) {
    const trimmed = line.trim();
    const marker = this.open.charAt(0);
    const closed =
      marker === '$' || marker === '\\'
        ? trimmed.endsWith(this.open)
        : trimmed.startsWith(this.open) && trimmed.replaceAll(marker, '') === '';
    if (closed) {
      this.open = '';
    }
  }
}
