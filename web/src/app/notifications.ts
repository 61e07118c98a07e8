import { useActivity, useSessions } from '@perdure/client/react';
import { useEffect, useRef } from 'react';
import { titleOf } from '../ui/words.ts';
import { chatPath, go } from './router.ts';
import { useSettings } from './settings.ts';

/** The title says how many replies are waiting to be read; who wants to is told by the desktop too. */
export function useNotifications(current: string | undefined) {
  const { finishedUnseen, running } = useActivity();
  const { sessions } = useSessions();
  const { notify } = useSettings();
  const told = useRef(new Set<string>());
  const title = sessions.find((each) => each.id === current)?.title;

  useEffect(() => {
    const badge =
      finishedUnseen.length > 0 ? `(${finishedUnseen.length}) ` : running.length > 0 ? '… ' : '';
    document.title = `${badge}${title === undefined ? '' : `${title} · `}Perdure`;
  }, [finishedUnseen.length, running.length, title]);

  useEffect(() => {
    for (const item of finishedUnseen) {
      if (told.current.has(item.turn)) {
        continue;
      }
      told.current.add(item.turn);
      if (
        notify &&
        document.visibilityState === 'hidden' &&
        Notification.permission === 'granted'
      ) {
        const session = sessions.find((each) => each.id === item.session);
        const note = new Notification(
          item.state === 'failed' ? 'A reply has failed' : 'A reply is done',
          {
            body: session === undefined ? '' : titleOf(session),
            tag: item.turn,
          },
        );
        note.onclick = () => {
          window.focus();
          go(chatPath(item.session));
        };
      }
    }
  }, [finishedUnseen, notify, sessions]);
}
