import type { Entry, StoredFile, ThreadView } from '@perdure/client';
import type { Turns } from '@perdure/client/react';
import { ArrowDown } from 'lucide-react';
import {
  type MouseEvent,
  memo,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import { Reply } from './Reply.tsx';
import { Slot } from './Slot.tsx';
import { UserMessage } from './UserMessage.tsx';
import './chat.css';

/** What can be done to what is shown; absent where one may only read. */
export interface Actions
  extends Pick<
    Turns,
    'resend' | 'regenerate' | 'select' | 'cancel' | 'cancelLane' | 'retryLane' | 'answer'
  > {
  edit(message: string, text: string): void;
  /** Makes a draft again of a message that was not accepted. */
  takeBack(localId: string, files: readonly StoredFile[]): void;
}

interface Props {
  readonly thread: ThreadView & { loadOlder(): Promise<void>; reload(): Promise<void> };
  readonly actions: Actions | undefined;
  readonly onError: (text: string) => void;
}

/** From here on the end is in sight, and the page follows what is added there. */
const NEAR_END_PX = 48;
/** Of a history that is shown for the first time, the entries that are drawn at once. */
const FIRST_DRAWN = 6;

/** The conversation along its branch; keeps its place while things grow above and below. */
export function Thread({ thread, actions, onError }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const [atEnd, setAtEnd] = useState(true);
  const first = thread.branch[0]?.key;
  const before = useRef({ first, height: 0 });
  // Still without what has come above. To measure after each change would have the page laid out for it.
  if (before.current.first !== first && scroller.current !== null) {
    before.current.height = scroller.current.scrollHeight;
  }

  const toEnd = useCallback(() => {
    const box = scroller.current;
    if (box !== null) {
      follows.current = true;
      box.scrollTop = box.scrollHeight;
    }
  }, []);

  // Whatever grows, the end stays in sight if it was.
  useLayoutEffect(() => {
    const box = scroller.current;
    const inner = list.current;
    if (box === null || inner === null) {
      return;
    }
    const watch = new ResizeObserver(() => {
      if (follows.current) {
        box.scrollTop = box.scrollHeight;
      }
    });
    watch.observe(inner);
    watch.observe(box);
    return () => watch.disconnect();
  }, []);

  // At the very top the browser does not hold the place when older messages are put above.
  useLayoutEffect(() => {
    const box = scroller.current;
    if (box === null) {
      return;
    }
    if (
      before.current.first !== first &&
      before.current.first !== undefined &&
      !follows.current &&
      box.scrollTop < 1
    ) {
      box.scrollTop = box.scrollHeight - before.current.height;
    }
    before.current.first = first;
  }, [first]);

  // A message of one's own is gone to.
  const count = thread.branch.length;
  const last = thread.branch[count - 1];
  const sent = last?.delivery === 'sending' ? last.key : undefined;
  useLayoutEffect(() => {
    if (sent !== undefined) {
      toEnd();
    }
  }, [sent, toEnd]);

  const onScroll = () => {
    const box = scroller.current;
    if (box !== null) {
      const near = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
      follows.current = near;
      setAtEnd(near);
    }
  };

  return (
    <div className="thread-frame">
      {/* biome-ignore lint/a11y: the click comes from buttons within, which have their keys */}
      <div
        ref={scroller}
        className="thread"
        onScroll={onScroll}
        onClick={copyCode}
        aria-busy={thread.status === 'loading'}
      >
        <div ref={list} className="thread-list">
          <Older thread={thread} />
          {thread.status === 'error' && (
            <div className="refusal" role="alert">
              <p>{thread.error?.message}</p>
              <button type="button" className="button small" onClick={() => void thread.reload()}>
                Try again
              </button>
            </div>
          )}
          {thread.branch.map((entry, index) => (
            <Slot
              key={entry.key}
              drawn={index >= count - FIRST_DRAWN}
              wide={entry.kind === 'reply' && entry.lanes.length > 1}
            >
              <EntryView entry={entry} actions={actions} onError={onError} />
            </Slot>
          ))}
        </div>
      </div>
      {!atEnd && (
        <button type="button" className="button to-end" onClick={toEnd}>
          <ArrowDown size={15} aria-hidden="true" /> Latest
        </button>
      )}
    </div>
  );
}

const EntryView = memo(function EntryView(props: {
  entry: Entry;
  actions: Actions | undefined;
  onError: (text: string) => void;
}) {
  return props.entry.kind === 'user' ? (
    <UserMessage entry={props.entry} actions={props.actions} />
  ) : (
    <Reply entry={props.entry} actions={props.actions} onError={props.onError} />
  );
});

/** Fetches what came before as soon as its place comes near. */
function Older({ thread }: { thread: Props['thread'] }) {
  const mark = useRef<HTMLDivElement>(null);
  const { hasOlder, loadingOlder, loadOlder } = thread;
  useEffect(() => {
    const box = mark.current;
    if (box === null || !hasOlder || loadingOlder) {
      return;
    }
    const watch = new IntersectionObserver(
      (seen) => {
        if (seen.some((each) => each.isIntersecting)) {
          void loadOlder();
        }
      },
      { root: box.closest('.thread'), rootMargin: '600px' },
    );
    watch.observe(box);
    return () => watch.disconnect();
  }, [hasOlder, loadingOlder, loadOlder]);
  return (
    <div ref={mark} className="older tiny">
      {loadingOlder ? 'Loading earlier messages' : ''}
    </div>
  );
}

/** One listener for the buttons of all blocks of code. */
function copyCode(event: MouseEvent) {
  const button = (event.target as Element).closest<HTMLButtonElement>('button[data-copy]');
  const code = button?.closest('.code')?.querySelector('code')?.textContent;
  if (button && code != null) {
    navigator.clipboard.writeText(code).then(
      () => {
        button.textContent = 'Copied';
        setTimeout(() => {
          button.textContent = 'Copy';
        }, 1500);
      },
      () => {
        button.textContent = 'Not allowed';
      },
    );
  }
}
