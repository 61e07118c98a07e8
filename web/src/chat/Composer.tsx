import type { SendInput } from '@perdure/client';
import { ArrowUp, Paperclip, Square } from 'lucide-react';
import { lazy, Suspense, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { obstacle, useAttachedFiles } from '../files/attached.ts';
import { unloaded } from '../ui/Unloaded.tsx';
import { bytes } from '../ui/words.ts';
import { ModelPicker, useChosenModels, useKnownModels } from './ModelPicker.tsx';

/** Most messages have no files. */
const AttachedList = lazy(() => import('../files/AttachedList.tsx').catch(unloaded));

/** A phone makes of its pictures what is asked for; elsewhere any file may be a text. */
const PHONES = matchMedia('(pointer: coarse)').matches
  ? 'image/png,image/jpeg,image/gif,image/webp,application/pdf,application/json,text/*'
  : undefined;

interface Props {
  /** The name of its draft. */
  readonly name: string;
  readonly draft: string;
  readonly setDraft: (text: string) => void;
  readonly onSend: (input: SendInput) => void;
  /** The turn that is open, which can be stopped. */
  readonly open?: string | undefined;
  readonly onStop?: (turn: string) => void;
  readonly offline: boolean;
  readonly busy?: boolean;
}

const MOST_OF_SCREEN = 0.4;

export function Composer(props: Props) {
  const { name, draft, setDraft, onSend, open, onStop, offline, busy = false } = props;
  const box = useRef<HTMLTextAreaElement>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const models = useChosenModels();
  const known = useKnownModels();
  const rules = known?.files;
  const [attached, files] = useAttachedFiles(name);
  const asked = models.length > 0 ? models : known === undefined ? [] : [known.byDefault];
  const hindered = attached.length === 0 ? undefined : obstacle(attached, asked, rules);
  const empty = (draft.trim() === '' && attached.length === 0) || hindered !== undefined;
  const dropping = useDrop((dropped) => files.add(name, dropped));

  useLayoutEffect(() => {
    const area = box.current;
    if (area !== null && area.value === draft) {
      area.style.height = 'auto';
      area.style.height = `${Math.min(area.scrollHeight, innerHeight * MOST_OF_SCREEN)}px`;
    }
  }, [draft]);

  // Where there is a keyboard, one can write at once.
  useEffect(() => {
    if (matchMedia('(pointer: fine)').matches) {
      box.current?.focus();
    }
  }, []);

  function send() {
    if (!empty && !busy) {
      const stored = attached.flatMap((each) => each.stored ?? []);
      onSend({
        text: draft,
        ...(stored.length > 0 ? { files: stored } : {}),
        ...(models.length > 0 ? { models } : {}),
      });
    }
  }

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div className="composer-box">
        {attached.length > 0 && (
          <Suspense fallback={<div className="attached-space" />}>
            <AttachedList
              draft={name}
              list={attached}
              files={files}
              rules={rules}
              obstacle={hindered}
            />
          </Suspense>
        )}
        <label htmlFor="message" className="hidden-text">
          Message
        </label>
        <textarea
          ref={box}
          id="message"
          dir="auto"
          rows={1}
          value={draft}
          placeholder={offline ? 'Sent when you are back online' : 'Write a message'}
          aria-describedby="message-keys"
          onChange={(event) => setDraft(event.target.value)}
          onPaste={(event) => {
            // Programs that copy text often add a picture of it.
            const { files: pasted } = event.clipboardData;
            if (pasted.length > 0 && event.clipboardData.getData('text/plain') === '') {
              event.preventDefault();
              files.add(name, pasted);
            }
          }}
          onKeyDown={(event) => {
            // An input method uses Enter for itself while it composes.
            if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
              event.preventDefault();
              send();
            } else if (event.key === 'Escape' && open !== undefined) {
              onStop?.(open);
            }
          }}
        />
        <div className="composer-row">
          <input
            ref={chooser}
            type="file"
            multiple
            accept={PHONES}
            hidden
            aria-label="Files to attach"
            onChange={(event) => {
              files.add(name, event.target.files ?? []);
              event.target.value = '';
              box.current?.focus();
            }}
          />
          <button
            type="button"
            className="button quiet icon attach"
            aria-label="Attach files"
            title={`Attach pictures, PDFs or texts${
              rules === undefined
                ? ''
                : `: up to ${rules.maxCount}, ${bytes(rules.maxBytes)} each, ${bytes(rules.maxBytesTogether)} together`
            }`}
            onClick={() => chooser.current?.click()}
          >
            <Paperclip size={17} />
          </button>
          <ModelPicker />
          <span id="message-keys" className="tiny keys">
            <kbd>Enter</kbd> sends, <kbd>Shift</kbd> <kbd>Enter</kbd> for a new line
            {open !== undefined && (
              <>
                , <kbd>Esc</kbd> stops
              </>
            )}
          </span>
          {open !== undefined && (
            <button
              type="button"
              className="button icon"
              aria-label="Stop the reply"
              title="Stop (Esc)"
              onClick={() => onStop?.(open)}
            >
              <Square size={14} fill="currentColor" />
            </button>
          )}
          <button
            type="submit"
            className="button primary icon"
            aria-label="Send"
            title="Send (Enter)"
            disabled={empty || busy}
          >
            <ArrowUp size={18} />
          </button>
        </div>
      </div>
      {dropping && (
        <div className="drop-here" aria-hidden="true">
          <span>
            <Paperclip size={20} /> Drop the files to attach them
          </span>
        </div>
      )}
    </form>
  );
}

/** Takes files that are dropped anywhere on the page; says whether some are being held above it. */
function useDrop(take: (files: FileList) => void): boolean {
  const [held, setHeld] = useState(false);
  const taker = useRef(take);
  taker.current = take;
  useEffect(() => {
    const stop = new AbortController();
    const on = (type: 'dragover' | 'dragleave' | 'drop', listen: (event: DragEvent) => void) =>
      addEventListener(type, listen, { signal: stop.signal });
    on('dragover', (event) => {
      if (
        event.dataTransfer?.types.includes('Files') &&
        document.querySelector('dialog') === null
      ) {
        event.preventDefault();
        setHeld(true);
      }
    });
    on('dragleave', (event) => {
      if (event.relatedTarget === null) {
        setHeld(false);
      }
    });
    on('drop', (event) => {
      setHeld(false);
      if (event.dataTransfer?.files.length && !event.defaultPrevented) {
        event.preventDefault();
        taker.current(event.dataTransfer.files);
        document.getElementById('message')?.focus();
      }
    });
    return () => stop.abort();
  }, []);
  return held;
}
