import { useSyncExternalStore } from 'react';

/** Where the page is: its path decides what is shown. */
export type Place =
  | { readonly page: 'chat'; readonly session?: string }
  | { readonly page: 'shared' }
  | { readonly page: 'operator' };

const listeners = new Set<() => void>();

function tell() {
  for (const listener of listeners) {
    listener();
  }
}

addEventListener('popstate', tell);

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export function placeOf(path: string): Place {
  if (path === '/shared') {
    return { page: 'shared' };
  }
  if (path === '/operator') {
    return { page: 'operator' };
  }
  const session = /^\/chat\/(sess_[0-9a-z]{26})$/.exec(path)?.[1];
  return session === undefined ? { page: 'chat' } : { page: 'chat', session };
}

export function usePlace(): Place {
  return placeOf(useSyncExternalStore(subscribe, () => location.pathname));
}

export function go(path: string, replace = false) {
  if (location.pathname !== path) {
    history[replace ? 'replaceState' : 'pushState'](null, '', path);
    tell();
  }
}

export const chatPath = (session?: string) => (session === undefined ? '/' : `/chat/${session}`);
