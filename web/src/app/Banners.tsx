import { useActivity } from '@perdure/client/react';
import { CloudOff, DatabaseZap, RotateCw } from 'lucide-react';

/** What is wrong with the way to the server, and that nothing is lost by it. */
export function Banners() {
  const { connection, reconnect } = useActivity();
  return (
    <div role="status" className="banners">
      {connection === 'offline' && (
        <div className="banner">
          <CloudOff size={16} aria-hidden="true" />
          <span className="grow">
            You are offline.{' '}
            <span className="more">Replies go on at the server and come when you are back.</span>
          </span>
        </div>
      )}
      {connection === 'reconnecting' && (
        <div className="banner">
          <RotateCw size={16} aria-hidden="true" />
          <span className="grow">
            Reconnecting. <span className="more">Replies go on at the server meanwhile.</span>
          </span>
          <button type="button" className="button small quiet" onClick={reconnect}>
            Try now
          </button>
        </div>
      )}
      {connection === 'degraded' && (
        <div className="banner">
          <DatabaseZap size={16} aria-hidden="true" />
          <span className="grow">
            The server waits for its database.{' '}
            <span className="more">Replies go on, and come a little later.</span>
          </span>
        </div>
      )}
    </div>
  );
}
