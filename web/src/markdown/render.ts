/**
 * From Markdown to HTML that is safe to insert. What a model writes is not trusted: HTML in it is shown
 * as text, pictures become links, and what remains goes through a sanitiser nevertheless.
 */
import DOMPurify from 'dompurify';
import { Marked, type TokenizerAndRendererExtension } from 'marked';
import { highlight, typeset } from './extras.ts';

const escaped = (text: string) =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

/** An address that may be gone to. */
function safeUrl(url: string): string | undefined {
  try {
    const { protocol } = new URL(url, 'https://relative.invalid');
    return ['https:', 'http:', 'mailto:'].includes(protocol) ? url : undefined;
  } catch {
    return undefined;
  }
}

function link(url: string, inner: string): string {
  const safe = safeUrl(url);
  return safe === undefined
    ? inner
    : `<a href="${escaped(safe)}" target="_blank" rel="noopener noreferrer nofollow">${inner}</a>`;
}

function maths(tex: string, display: boolean): string {
  const set = typeset(tex, display);
  const inner = set ?? `<code>${escaped(tex)}</code>`;
  return display ? `<div class="maths">${inner}</div>` : `<span class="maths">${inner}</span>`;
}

const MATHS_BLOCK = /^ {0,3}(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])[^\S\n]*(?:\n|$)/;
/** A dollar before a space or behind one, or before a digit, is money. */
const MATHS_INLINE =
  /^(?:\$\$([^\n]+?)\$\$|\$(?!\s)((?:\\.|[^$\n\\])+?)(?<!\s)\$(?!\d)|\\\((.+?)\\\))/;

const mathsBlock: TokenizerAndRendererExtension = {
  name: 'mathsBlock',
  level: 'block',
  start: (src) => src.search(/\$\$|\\\[/),
  tokenizer(src) {
    const match = MATHS_BLOCK.exec(src);
    return match
      ? { type: 'mathsBlock', raw: match[0], tex: match[1] ?? match[2] ?? '' }
      : undefined;
  },
  renderer: (token) => maths(String(token.tex).trim(), true),
};

const mathsInline: TokenizerAndRendererExtension = {
  name: 'mathsInline',
  level: 'inline',
  start: (src) => src.search(/\$|\\\(/),
  tokenizer(src) {
    const match = MATHS_INLINE.exec(src);
    return match
      ? { type: 'mathsInline', raw: match[0], tex: match[1] ?? match[2] ?? match[3] ?? '' }
      : undefined;
  },
  renderer: (token) => maths(String(token.tex).trim(), false),
};

/** A block of code with its bar; the button is worked by the page. */
export function codeHtml(code: string, language: string): string {
  const inner = highlight(code, language) ?? escaped(code);
  return (
    `<div class="code"><div class="code-bar"><span>${escaped(language || 'text')}</span>` +
    `<button type="button" class="button small quiet" data-copy="">Copy</button></div>` +
    `<pre tabindex="0"><code>${inner}</code></pre></div>`
  );
}

/** A cell with more than that is given room for a few words to the line. */
const LONG_CELL_CHARS = 24;

const marked = new Marked({
  gfm: true,
  breaks: false,
  extensions: undefined,
  renderer: {
    html: ({ text }) => escaped(text),
    image: ({ href, text }) => link(href, escaped(text || href)),
    link({ href, tokens }) {
      return link(href, this.parser.parseInline(tokens));
    },
    code: ({ text, lang }) => codeHtml(text, (lang ?? '').trim().split(/\s+/)[0] ?? ''),
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
    heading({ tokens, depth }) {
      // The page's own heading is of the first level, and messages have the second.
      const level = Math.min(6, depth + 2);
      return `<h${level} class="h${depth}">${this.parser.parseInline(tokens)}</h${level}>`;
    },
    table(token) {
      const cell = (row: typeof token.header, tag: string) =>
        row
          .map((each) => {
            const kinds = [
              ...(each.align ? [`to-${each.align}`] : []),
              ...(each.text.length > LONG_CELL_CHARS ? ['long'] : []),
            ];
            const looks = kinds.length === 0 ? '' : ` class="${kinds.join(' ')}"`;
            return `<${tag}${looks}>${this.parser.parseInline(each.tokens)}</${tag}>`;
          })
          .join('');
      const body = token.rows.map((row) => `<tr>${cell(row, 'td')}</tr>`).join('');
      return (
        `<div class="table" tabindex="0"><table><thead><tr>${cell(token.header, 'th')}</tr></thead>` +
        `<tbody>${body}</tbody></table></div>`
      );
    },
  },
});
marked.use({ extensions: [mathsBlock, mathsInline] });

/** HTML of one block, before it is sanitised. */
export const toHtml = (markdown: string) => marked.parse(markdown, { async: false });

/** One block, ready to be shown. */
export function render(markdown: string): DocumentFragment {
  const fragment = DOMPurify.sanitize(toHtml(markdown), {
    RETURN_DOM_FRAGMENT: true,
    USE_PROFILES: { html: true, mathMl: true },
    FORBID_TAGS: ['style', 'form', 'input', 'img', 'video', 'audio', 'picture', 'source', 'iframe'],
    FORBID_ATTR: ['style', 'id', 'name'],
    ADD_ATTR: ['target'],
  });
  // Each paragraph, list and table runs in the direction of its own first letter.
  for (const child of fragment.children) {
    child.setAttribute('dir', 'auto');
  }
  return fragment;
}
