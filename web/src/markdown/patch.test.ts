// @vitest-environment happy-dom
import { expect, test } from 'vitest';
import { patch } from './patch.ts';

function node(html: string): HTMLElement {
  const made = document.createElement('div');
  made.innerHTML = html;
  return made;
}

const STEPS = [
  '',
  '<p>One</p>',
  '<p>One and <strong>two</strong></p>',
  '<p>One and <strong>two</strong>, three</p>',
  '<p class="x">One and <strong>two</strong></p>',
  '<ul><li>a</li></ul>',
  '<ul><li>a</li><li>b <code>c</code></li></ul><p>end</p>',
  '<pre tabindex="0"><code><span class="k">let</span> a</code></pre>',
  '',
];

test('whatever is shown becomes what is wanted', () => {
  for (const from of STEPS) {
    for (const to of STEPS) {
      const shown = node(from);
      patch(shown, node(to));
      expect(shown.innerHTML).toBe(to);
    }
  }
});

test('what has not changed is the same node, and a text that grows too', () => {
  const shown = node('<p>First</p><p>Second be');
  const first = shown.firstChild;
  const text = shown.lastChild?.firstChild;
  patch(shown, node('<p>First</p><p>Second begins <em>here</em></p>'));
  expect(shown.firstChild).toBe(first);
  expect(shown.lastChild?.firstChild).toBe(text);
  expect(text?.textContent).toBe('Second begins ');
});
