import { memo, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { BlockSplitter } from './blocks.ts';
import { completed } from './completed.ts';
import { extras } from './extras.ts';
import { render } from './render.ts';
import './markdown.css';

/** A block that never changes; rendered again only when highlighting or maths have been fetched. */
const Settled = memo(function Settled({ source }: { source: string }) {
  const version = useSyncExternalStore(extras.subscribe, extras.version);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version says that rendering has changed
  const html = useMemo(() => render(source), [source, version]);
  return <Html html={html} />;
});

const Html = memo(function Html({ html }: { html: string }) {
  // biome-ignore lint/security/noDangerouslySetInnerHtml: `render` has sanitised it
  return <div className="block" dangerouslySetInnerHTML={{ __html: html }} />;
});

/** Of the time, at most so much goes into the block that grows. */
const SHARE = 4;

/**
 * The block that grows. Parsing it takes longer the longer it is; so that the page stays quick, it is
 * then parsed less often, and what has come meanwhile is shown with the next time.
 */
function Live({ source }: { source: string }) {
  const [shown, setShown] = useState(source);
  const cost = useRef({ millis: 0, at: 0 });
  useEffect(() => {
    const wait = cost.current.at + cost.current.millis * SHARE - performance.now();
    if (wait <= 0) {
      setShown(source);
      return;
    }
    const timer = setTimeout(() => setShown(source), wait);
    return () => clearTimeout(timer);
  }, [source]);
  // Another block has begun, or the text began anew.
  const text = source.startsWith(shown) ? shown : source;
  const version = useSyncExternalStore(extras.subscribe, extras.version);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version says that rendering has changed
  const html = useMemo(() => {
    const began = performance.now();
    const made = render(completed(text));
    const now = performance.now();
    // Inserting and laying out takes about as long as parsing.
    cost.current = { millis: now - began < 2 ? 0 : 2 * (now - began), at: now };
    return made;
  }, [text, version]);
  return <Html html={html} />;
}

/** Markdown, which may still grow. */
export const Markdown = memo(function Markdown({ text, live }: { text: string; live: boolean }) {
  const splitter = useRef<BlockSplitter>(undefined);
  splitter.current ??= new BlockSplitter();
  const { settled, live: last } = splitter.current.update(text);
  return (
    <div className={live ? 'prose live' : 'prose'}>
      {settled.map((source, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: settled blocks keep their places
        <Settled key={index} source={source} />
      ))}
      {last.trim() !== '' &&
        (live ? (
          <Live key={settled.length} source={last} />
        ) : (
          <Settled key={settled.length} source={last} />
        ))}
    </div>
  );
});
