import type { SendInput } from '@perdure/client';
import { ArrowUp, Square } from 'lucide-react';
import { useEffect, useLayoutEffect, useRef } from 'react';
import { ModelPicker, useChosenModels } from './ModelPicker.tsx';

interface Props {
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

export function Composer({ draft, setDraft, onSend, open, onStop, offline, busy = false }: Props) {
  const box = useRef<HTMLTextAreaElement>(null);
  const models = useChosenModels();
  const empty = draft.trim() === '';

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
      onSend({ text: draft, ...(models.length > 0 ? { models } : {}) });
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
    </form>
  );
}
