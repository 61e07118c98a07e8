/** Time and timers, so that tests can turn them by hand. Milliseconds throughout. */
export interface Clock {
  now(): number;
  /** Calls back once, after at least this long; returns what prevents it. */
  after(millis: number, callback: () => void): () => void;
  /** Calls back when the next picture is due, or soon in a page that is not painted. */
  frame(callback: () => void): () => void;
}

/** A hidden page paints nothing, but its title and other tabs still want to know. */
const HIDDEN_FRAME_MILLIS = 200;
const FRAME_MILLIS = 16;

export const browserClock: Clock = {
  now: () => Date.now(),
  after(millis, callback) {
    const timer = setTimeout(callback, millis);
    return () => clearTimeout(timer);
  },
  frame(callback) {
    const painted = typeof requestAnimationFrame === 'function';
    const hidden = typeof document !== 'undefined' && document.visibilityState === 'hidden';
    if (!painted || hidden) {
      return browserClock.after(hidden ? HIDDEN_FRAME_MILLIS : FRAME_MILLIS, callback);
    }
    // The page may be hidden before the picture is due; then only the timer comes.
    let done = false;
    const once = () => {
      if (!done) {
        done = true;
        cancelAnimationFrame(request);
        clearTimeout(timer);
        callback();
      }
    };
    const request = requestAnimationFrame(once);
    const timer = setTimeout(once, HIDDEN_FRAME_MILLIS);
    return () => {
      done = true;
      cancelAnimationFrame(request);
      clearTimeout(timer);
    };
  },
};

/** A promise that is fulfilled after a while, or at once when the signal says so. */
export function pause(clock: Clock, millis: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(millis, done);
    signal.addEventListener('abort', done);
  });
}
