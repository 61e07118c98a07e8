/**
 * Ends what is still open in the last line of a text that grows, so that nobody sees the marks of what is to
 * become bold or a link, and nothing changes its look when the end of it comes.
 */
const FENCE = /^ {0,3}(`{3,}|~{3,})/gm;
/** A mark that has only begun, or a line that says nothing yet. */
const BEGUN = /(?:^|\s)(?:[*_~`]{1,3}|#{1,6}|[-+])$/;
const LINK = /!?\[([^\][\n]*)(?:\]\([^()\s]*|\])?$/;

export function completed(text: string): string {
  // Within code everything is what it is.
  if ((text.match(FENCE)?.length ?? 0) % 2 === 1) {
    return text;
  }
  const start = text.lastIndexOf('\n\n') + 1;
  const before = text.slice(0, start);
  let last = text.slice(start);
  if (spans(last) % 2 === 1) {
    return last.endsWith('`') ? text.slice(0, -1) : `${text}\``;
  }
  last = last.replace(BEGUN, '').replace(LINK, '$1');
  const plain = last.replace(/`[^`]*`/g, '').replace(/\\./g, '');
  return before + last.trimEnd() + endOf(plain);
}

/** The single backticks in it, between which code stands. */
const spans = (text: string) => text.match(/(?<!`)`(?!`)/g)?.length ?? 0;

/** What ends the emphasis that is open, the innermost first. */
function endOf(text: string): string {
  const open: string[] = [];
  for (const [mark] of text.matchAll(
    /\*\*|~~|(?<=^|[\s([{'"*~])\*(?=\S)|(?<=\S)\*(?=$|[\s)\]}.,;:!?'"*~])/g,
  )) {
    if (open.at(-1) === mark) {
      open.pop();
    } else {
      open.push(mark);
    }
  }
  return open.toReversed().join('');
}
