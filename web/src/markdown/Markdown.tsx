import { memo, useEffect, useLayoutEffect, useReducer, useRef, useSyncExternalStore } from 'react';
import { BlockSplitter } from './blocks.ts';
import { completed } from './completed.ts';
import { extras } from './extras.ts';
import { patch } from './patch.ts';
import { render } from './render.ts';
import './markdown.css';

/** Of the time, at most one part in so many goes into the block that grows. */
const SHARE = 5;
/** What takes less than this is not worth being put off. */
const QUICK_MILLIS = 2;

/**
 * One block. As long as it grows it is parsed again and again, which takes longer the longer it is; so that
 * the page stays quick, it is then parsed less often, and what has come meanwhile is shown with the next
 * time. Once it is settled it is rendered again only when highlighting or maths have been fetched.
 */
const Block = memo(function Block({ source, live }: { source: string; live: boolean }) {
  const place = useRef<HTMLDivElement>(null);
  const shown = useRef('');
  const notBefore = useRef(0);
  const [, again] = useReducer((count: number) => count + 1, 0);
  const version = useSyncExternalStore(extras.subscribe, extras.version);

  const later = live && source.startsWith(shown.current) && performance.now() < notBefore.current;
  const text = later ? shown.current : source;
  useEffect(() => {
    if (text === source) {
      return;
    }
    const timer = setTimeout(again, notBefore.current - performance.now());
    return () => clearTimeout(timer);
  }, [text, source]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the version says that rendering has changed
  useLayoutEffect(() => {
    const began = performance.now();
    if (place.current !== null) {
      patch(place.current, render(live ? completed(text) : text));
    }
    const took = performance.now() - began;
    shown.current = text;
    // Laying it out takes about as long again.
    notBefore.current = took < QUICK_MILLIS ? 0 : began + 2 * SHARE * took;
  }, [text, live, version]);
  return <div ref={place} className="block" />;
});

/** Markdown, which may still grow. */
export const Markdown = memo(function Markdown({ text, live }: { text: string; live: boolean }) {
  const splitter = useRef<BlockSplitter>(undefined);
  splitter.current ??= new BlockSplitter();
  const { settled, live: last } = splitter.current.update(text);
  const blocks = last.trim() === '' ? settled : [...settled, last];
  return (
    <div className={live ? 'prose live' : 'prose'}>
      {blocks.map((source, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: blocks keep their places
        <Block key={index} source={source} live={live && index >= settled.length} />
      ))}
    </div>
  );
});
