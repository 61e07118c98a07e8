import { expect, test } from 'vitest';
import { BlockSplitter } from './blocks.ts';

const TEXT = [
  '# Head\n\n',
  'One\ntwo.\n\n',
  '- a\n\n- b\n\n  more of b\n\n',
  '```js\nlet a;\n\nlet b;\n```\n\n',
  '$$\nx\n\ny\n$$\n\n',
  '~~~\n```\n\n~~~\n\n',
  '1. x\n2. y\n\n',
  '| a |\n|---|\n| 1 |\n\n',
  'End\n',
];

function all(text: string) {
  const { settled, live } = new BlockSplitter().update(text);
  return [...settled, live];
}

test('blocks end where Markdown says, and together they are the text', () => {
  expect(all(TEXT.join(''))).toEqual(TEXT);
});

test('however a text is cut, the blocks are the same, and what has settled never changes', () => {
  const text = TEXT.join('');
  for (const size of [1, 2, 3, 7, 50]) {
    const splitter = new BlockSplitter();
    let before: readonly string[] = [];
    for (let end = size; end < text.length + size; end += size) {
      const { settled, live } = splitter.update(text.slice(0, end));
      expect(settled.slice(0, before.length)).toEqual(before);
      expect(settled.join('') + live).toBe(text.slice(0, end));
      before = settled;
    }
    expect(before).toEqual(TEXT.slice(0, -1));
  }
});

test('a text that is not a continuation begins anew', () => {
  const splitter = new BlockSplitter();
  splitter.update('one\n\ntwo\n\nthree');
  expect(splitter.update('other\n\ntext\n')).toEqual({ settled: ['other\n\n'], live: 'text\n' });
});
