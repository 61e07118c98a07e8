import { type ReactNode, useLayoutEffect, useRef, useState } from 'react';

/** So far beyond the window things are drawn still, so that one never scrolls into nothing. */
const MARGIN = '1200px 0px';
/** For what was never drawn. */
const GUESSED_PX = 160;

type Told = (near: boolean) => void;
const told = new WeakMap<Element, Told>();
const observers = new WeakMap<Element, IntersectionObserver>();

function observerOf(root: Element): IntersectionObserver {
  let observer = observers.get(root);
  if (observer === undefined) {
    observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          told.get(entry.target)?.(entry.isIntersecting);
        }
      },
      { root, rootMargin: MARGIN },
    );
    observers.set(root, observer);
  }
  return observer;
}

/**
 * A place in a long list: what is far from the window is not drawn, and its height is kept, so that a
 * history of thousands of messages costs what is on the screen, and nothing moves.
 */
export function Slot(props: {
  readonly drawn: boolean;
  readonly wide: boolean;
  readonly children: ReactNode;
}) {
  const place = useRef<HTMLDivElement>(null);
  const [near, setNear] = useState(props.drawn);
  const [height, setHeight] = useState(GUESSED_PX);
  useLayoutEffect(() => {
    const element = place.current;
    const root = element?.closest('.thread');
    if (element === null || root == null) {
      return;
    }
    told.set(element, (isNear) => {
      if (isNear) {
        setNear(true);
      } else if (!element.contains(document.activeElement)) {
        if (element.dataset.drawn === 'true') {
          setHeight(element.offsetHeight);
        }
        setNear(false);
      }
    });
    const observer = observerOf(root);
    observer.observe(element);
    return () => observer.unobserve(element);
  }, []);
  return (
    <div
      ref={place}
      className={`slot${props.wide ? ' wide' : ''}`}
      data-drawn={near}
      style={near ? undefined : { height }}
    >
      {near ? props.children : null}
    </div>
  );
}
