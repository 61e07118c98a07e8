import type { Found, SessionView } from '@perdure/client';
import { useActivity, usePerdure, useSessions } from '@perdure/client/react';
import {
  Activity,
  Bell,
  BellOff,
  LogOut,
  Monitor,
  Moon,
  Search,
  Settings2,
  SquarePen,
  Sun,
  X,
} from 'lucide-react';
import { useEffect, useState } from 'react';
import { chatPath, go } from '../app/router.ts';
import { change, type Theme, useSettings } from '../app/settings.ts';
import { Mark } from '../ui/Mark.tsx';
import { Item, Menu } from '../ui/Menu.tsx';
import { SessionRow } from './SessionRow.tsx';
import './sessions.css';

const SEARCH_DELAY_MILLIS = 200;

export function Sidebar(props: {
  open: boolean;
  current: string | undefined;
  onClose: () => void;
}) {
  const { sessions, status, hasMore, loadingMore, loadMore, error } = useSessions();
  const [words, setWords] = useState('');
  const found = useFound(words);
  const shown: readonly { session: SessionView; excerpt?: string }[] | undefined = found?.map(
    (each) => ({
      session: sessions.find((known) => known.id === each.session.id) ?? {
        ...each.session,
        state: 'idle',
      },
      ...(each.excerpt === undefined ? {} : { excerpt: each.excerpt }),
    }),
  );
  const pick = () => {
    props.onClose();
    setWords('');
  };
  return (
    <>
      {props.open && (
        <button
          type="button"
          className="scrim"
          aria-label="Close the list"
          onClick={props.onClose}
        />
      )}
      <nav
        className={`sidebar${props.open ? ' open' : ''}`}
        aria-label="Chats"
        onKeyDown={(event) => event.key === 'Escape' && props.onClose()}
      >
        <div className="sidebar-head">
          <Mark size={24} />
          <span className="brand grow">Perdure</span>
          <button
            type="button"
            className="button quiet icon only-narrow"
            aria-label="Close the list"
            onClick={props.onClose}
          >
            <X size={18} />
          </button>
        </div>
        <div className="sidebar-tools">
          <button
            type="button"
            className="button new-chat"
            title="New chat (Ctrl+Shift+O)"
            onClick={() => {
              go(chatPath());
              pick();
              requestAnimationFrame(() => document.getElementById('message')?.focus());
            }}
          >
            <SquarePen size={16} aria-hidden="true" /> New chat
          </button>
          <div className="search">
            <Search size={15} aria-hidden="true" />
            <input
              id="search"
              type="search"
              className="field"
              placeholder="Search chats"
              aria-label="Search chats"
              title="Search (Ctrl+K)"
              value={words}
              onChange={(event) => setWords(event.target.value)}
            />
          </div>
        </div>
        <ul className="session-list" aria-busy={status === 'loading'}>
          {(shown ?? sessions.map((session) => ({ session }))).map((each) => (
            <SessionRow
              key={each.session.id}
              {...each}
              current={each.session.id === props.current}
              onPick={pick}
            />
          ))}
          {shown?.length === 0 && <li className="soft empty">Nothing found for “{words}”.</li>}
          {!shown && sessions.length === 0 && status === 'ready' && (
            <li className="soft empty">No chats yet.</li>
          )}
          {!shown && status === 'error' && <li className="soft empty">{error?.message}</li>}
          {!shown && hasMore && (
            <li>
              <button
                type="button"
                className="button quiet more"
                disabled={loadingMore}
                onClick={() => void loadMore()}
              >
                {loadingMore ? 'Loading' : 'Show more'}
              </button>
            </li>
          )}
        </ul>
        <Foot />
      </nav>
    </>
  );
}

function useFound(words: string): readonly Found[] | undefined {
  const { search } = useSessions();
  const [found, setFound] = useState<{ words: string; items: readonly Found[] }>();
  const wanted = words.trim();
  useEffect(() => {
    if (wanted === '') {
      return;
    }
    const stop = new AbortController();
    const timer = setTimeout(() => {
      search(wanted, stop.signal).then(
        (items) => setFound({ words: wanted, items }),
        () => undefined,
      );
    }, SEARCH_DELAY_MILLIS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [wanted, search]);
  // While the next answer is on its way, the last one stays.
  return wanted === '' ? undefined : found?.items;
}

const THEMES: readonly [Theme, string, typeof Sun][] = [
  ['system', 'As the system', Monitor],
  ['light', 'Light', Sun],
  ['dark', 'Dark', Moon],
];

function Foot() {
  const { running } = useActivity();
  const { key, theme, notify } = useSettings();
  const client = usePerdure();
  const [refused, setRefused] = useState(false);

  async function toggleNotify() {
    const allowed =
      !notify && 'Notification' in window && (await Notification.requestPermission()) === 'granted';
    setRefused(!notify && !allowed);
    change({ notify: allowed });
  }

  async function signOut() {
    await client.signOut();
    localStorage.removeItem('perdure.settings');
    location.assign('/');
  }

  return (
    <div className="sidebar-foot">
      <span className="tiny grow" aria-live="off">
        {running.length === 0
          ? ''
          : running.length === 1
            ? '1 reply is being written'
            : `${running.length} replies are being written`}
      </span>
      <Menu label="Settings" face={<Settings2 size={18} />}>
        {(close) => (
          <>
            <p className="menu-label">Appearance</p>
            {THEMES.map(([value, label, Icon]) => (
              <button
                key={value}
                type="button"
                role="menuitemradio"
                aria-checked={theme === value}
                className="menu-item"
                onClick={() => change({ theme: value })}
              >
                <Icon size={16} aria-hidden="true" />
                <span className="grow">{label}</span>
                {theme === value && <span aria-hidden="true">✓</span>}
              </button>
            ))}
            <p className="menu-label">This browser</p>
            <Item onSelect={() => void toggleNotify()}>
              {notify ? (
                <BellOff size={16} aria-hidden="true" />
              ) : (
                <Bell size={16} aria-hidden="true" />
              )}
              <span aria-live="polite">
                {notify
                  ? 'Stop notifying me'
                  : refused
                    ? 'The browser forbids notifications'
                    : 'Notify me of finished replies'}
              </span>
            </Item>
            <Item
              onSelect={() => {
                close();
                go('/operator');
              }}
            >
              <Activity size={16} aria-hidden="true" /> What the server is doing
            </Item>
            {key !== undefined && (
              <Item bad onSelect={() => void signOut()}>
                <LogOut size={16} aria-hidden="true" /> Sign out
              </Item>
            )}
          </>
        )}
      </Menu>
    </div>
  );
}
