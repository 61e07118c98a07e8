import { useSessions } from '@perdure/client/react';
import { titleOf } from '../ui/words.ts';

/** Sessions that are about to be deleted, each with the way back. */
export function Toasts() {
  const { removing, undoRemove } = useSessions();
  return (
    <div className="toasts" role="status">
      {removing.map((session) => (
        <div key={session.id} className="toast">
          <span className="grow cut">
            Deleted “<bdi>{titleOf(session)}</bdi>”
          </span>
          <button type="button" className="button" onClick={() => undoRemove(session.id)}>
            Undo
          </button>
        </div>
      ))}
    </div>
  );
}
