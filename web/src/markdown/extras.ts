/**
 * Highlighting and maths, which are large and seldom needed at once: they are fetched when the first
 * text wants them. Until then, and if they cannot be fetched, code and formulas are shown as they are.
 */
type Highlighter = (code: string, language: string) => string | undefined;
type Typesetter = (tex: string, display: boolean) => string;

/** Longer pieces of code stay plain: colouring them would hold up the page. */
const MAX_CODE_CHARS = 60_000;
const MAX_TEX_CHARS = 4_000;

let highlighter: Highlighter | undefined;
let typesetter: Typesetter | undefined;
let loadingCode = false;
let loadingMaths = false;
let version = 0;
const listeners = new Set<() => void>();

/** Changes when something has been fetched, so that what is shown is rendered again. */
export const extras = {
  subscribe(listener: () => void) {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  },
  version: () => version,
};

function arrived() {
  version++;
  for (const listener of listeners) {
    listener();
  }
}

async function loadHighlighter() {
  loadingCode = true;
  const { default: hljs } = await import('highlight.js/lib/common');
  highlighter = (code, language) =>
    hljs.getLanguage(language) === undefined
      ? undefined
      : hljs.highlight(code, { language, ignoreIllegals: true }).value;
  arrived();
}

async function loadTypesetter() {
  loadingMaths = true;
  const { default: katex } = await import('katex');
  typesetter = (tex, displayMode) =>
    katex
      .renderToString(tex, {
        displayMode,
        // MathML is set by the browser itself: no styles, no fonts, and read aloud well.
        output: 'mathml',
        throwOnError: false,
        strict: 'ignore',
        trust: false,
        maxExpand: 200,
        maxSize: 20,
      })
      .replace(/<annotation[\s\S]*?<\/annotation>/g, '')
      .replace(/<\/?semantics>/g, '');
  arrived();
}

/** Coloured HTML; undefined if the language is unknown or cannot be coloured now. */
export function highlight(code: string, language: string): string | undefined {
  if (language === '' || code.length > MAX_CODE_CHARS) {
    return undefined;
  }
  if (highlighter === undefined && !loadingCode) {
    loadHighlighter().catch(() => {
      loadingCode = false;
    });
  }
  return highlighter?.(code, language.toLowerCase());
}

/** MathML; undefined if it cannot be made now. */
export function typeset(tex: string, display: boolean): string | undefined {
  if (tex.length > MAX_TEX_CHARS) {
    return undefined;
  }
  if (typesetter === undefined && !loadingMaths) {
    loadTypesetter().catch(() => {
      loadingMaths = false;
    });
  }
  return typesetter?.(tex, display);
}
