/** What the page remembers of its user in this browser. */
import { useSyncExternalStore } from 'react';

export type Theme = 'system' | 'light' | 'dark';

export interface Settings {
  readonly key?: string;
  readonly theme: Theme;
  readonly notify: boolean;
  /** The models of the next message, one lane each. */
  readonly models: readonly string[];
  /** Names that were typed by hand. */
  readonly ownModels: readonly string[];
}

const NAME = 'perdure.settings';
const NONE: Settings = { theme: 'system', notify: false, models: [], ownModels: [] };
const listeners = new Set<() => void>();

const texts = (value: unknown) =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];

function read(): Settings {
  try {
    const raw: unknown = JSON.parse(localStorage.getItem(NAME) ?? '{}');
    const { key, theme, notify, models, ownModels } = raw as Record<string, unknown>;
    return {
      ...(typeof key === 'string' ? { key } : {}),
      theme: theme === 'light' || theme === 'dark' ? theme : 'system',
      notify: notify === true,
      models: texts(models),
      ownModels: texts(ownModels),
    };
  } catch {
    return NONE;
  }
}

let current = read();

function changed() {
  const { theme } = current;
  if (theme === 'system') {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = theme;
  }
  for (const listener of listeners) {
    listener();
  }
}

addEventListener('storage', (event) => {
  if (event.key === NAME) {
    current = read();
    changed();
  }
});

export const settings = () => current;

export function change(next: Partial<Settings>) {
  current = { ...current, ...next };
  try {
    localStorage.setItem(NAME, JSON.stringify(current));
  } catch {
    // Storage is full or forbidden: the setting holds until the page is closed.
  }
  changed();
}

export function useSettings(): Settings {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, settings);
}

changed();
