/** What of the browser is there; each may be missing, in other places or by its settings. */

export function isVisible(): boolean {
  return typeof document === 'undefined' || document.visibilityState !== 'hidden';
}

export function localStorageOf(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    // Forbidden by the browser's settings.
    return undefined;
  }
}

export function browserLocks(): LockManager | undefined {
  return globalThis.navigator?.locks;
}

export function browserChannel(): ((name: string) => BroadcastChannel) | undefined {
  return typeof window === 'undefined' || typeof BroadcastChannel === 'undefined'
    ? undefined
    : (name) => new BroadcastChannel(name);
}

/** On pages without TLS there is no `randomUUID`. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export interface PageEvents {
  readonly onOnline: (is: boolean) => void;
  readonly onShown: () => void;
  readonly onHidden: () => void;
  /** The page goes, perhaps for good. */
  readonly onLeave: () => void;
}

/** Tells what happens to the page, if there is one. */
export function listenToPage(signal: AbortSignal, events: PageEvents): void {
  if (typeof window === 'undefined') {
    return;
  }
  window.addEventListener('online', () => events.onOnline(true), { signal });
  window.addEventListener('offline', () => events.onOnline(false), { signal });
  window.addEventListener('pagehide', () => events.onLeave(), { signal });
  document.addEventListener(
    'visibilitychange',
    () => (isVisible() ? events.onShown() : events.onHidden()),
    { signal },
  );
}
