import { expect, test } from 'vitest';
import { toHtml } from './render.ts';

test('HTML is shown as text, and addresses that would act are no links', () => {
  // That the sanitiser behind it holds too is tried in a real browser.
  const attacks = [
    '<script>alert(1)</script>',
    'a <img src=x onerror=alert(1)> b',
    '[x](javascript:alert(1))',
    '[x](  JaVaScRiPt:alert(1))',
    '[x](data:text/html,a)',
    '```html\n<script>alert(1)</script>\n```',
    '```"><img src=x>\nx\n```',
    '<a href="javascript:alert(1)" onclick="x">a</a>',
    '![x](javascript:alert(1))',
  ];
  for (const attack of attacks) {
    expect(toHtml(attack), attack).not.toMatch(
      /<(script|img|iframe|style)|href="\s*(javascript|data)/i,
    );
  }
});

test('links open elsewhere and tell nothing, and pictures are links', () => {
  expect(toHtml('[a](https://a.example)')).toContain('rel="noopener noreferrer nofollow"');
  expect(toHtml('![cat](https://a.example/cat.png)')).toContain('>cat</a>');
});

test('money is no formula', () => {
  expect(toHtml('It costs $5 and $6, or 3 $ each')).not.toContain('maths');
  expect(toHtml('Then $x^2$ and \\(y\\)')).toContain('maths');
  expect(toHtml('$$\nx\n$$')).toContain('<div class="maths">');
});

test('tables, lists with boxes and headings are what they are', () => {
  expect(toHtml('| a | b |\n|--:|---|\n| 1 | 2 |')).toContain('<th class="to-right">a</th>');
  expect(toHtml('- [x] done')).toContain('☑');
  expect(toHtml('# Head')).toContain('<h3 class="h1">Head</h3>');
});
