import { expect, test } from 'vitest';
import { completed } from './completed.ts';

test.each([
  ['plain text', 'plain text'],
  ['some **bold', 'some **bold**'],
  ['some **bold** and', 'some **bold** and'],
  ['some **bold *and', 'some **bold *and***'],
  ['an *italic', 'an *italic*'],
  ['2 * 3 is 6', '2 * 3 is 6'],
  ['not ~~this', 'not ~~this~~'],
  ['call `open(', 'call `open(`'],
  ['call `', 'call '],
  ['a **', 'a'],
  ['a `b` and `c', 'a `b` and `c`'],
  ['`**` is **bold', '`**` is **bold**'],
  ['see [the docs', 'see the docs'],
  ['see [the docs](https://a.exa', 'see the docs'],
  ['see [the docs](https://a.example)', 'see [the docs](https://a.example)'],
  ['- one\n- **two', '- one\n- **two**'],
  ['done **bold**\n\nnext *it', 'done **bold**\n\nnext *it*'],
  ['```js\nconst a = `b', '```js\nconst a = `b'],
  ['```js\na\n```\n\nthen **b', '```js\na\n```\n\nthen **b**'],
])('%j is shown as %j', (text, wanted) => {
  expect(completed(text)).toBe(wanted);
});

test('a text never loses what it has shown as it grows', () => {
  const whole =
    'With **bold `code` and *both*** there, a [link](https://a.example/b), ~~old~~ and 2 * 3.';
  const words = (text: string) =>
    text.replaceAll(/[*~`[\]()]/g, '').replaceAll('https://a.example/b', '');
  let shown = '';
  for (let end = 1; end <= whole.length; end += 1) {
    const next = words(completed(whole.slice(0, end)));
    expect(next.startsWith(shown.trimEnd())).toBe(true);
    shown = next;
  }
});
