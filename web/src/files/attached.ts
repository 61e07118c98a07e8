/**
 * Files of a message that is not sent yet, by the name of its draft. What the server has stored is a part of
 * the draft and survives a reload; what is still being sent goes on while one looks at another chat.
 */
import type { FileRules, PerdureClient, StoredFile } from '@perdure/client';
import { usePerdure } from '@perdure/client/react';
import { useCallback, useSyncExternalStore } from 'react';
import { bytes, shortModel } from '../ui/words.ts';

export interface Attached {
  readonly key: string;
  readonly name: string;
  readonly size: number;
  /** `new` until somebody has begun to send it. */
  readonly state: 'new' | 'sending' | 'ready' | 'failed';
  /** While it is being sent, from 0 to 1. */
  readonly sent?: number;
  readonly problem?: string;
  /** Whether sending it once more may help. */
  readonly again?: boolean;
  /** What is in it, as long as that is not stored. */
  readonly content?: File;
  readonly stored?: StoredFile;
}

const NONE: readonly Attached[] = [];
/** The server forgets a file after a day that no message holds. */
const KEPT_MILLIS = 23 * 3_600_000;

export class AttachedFiles {
  readonly #lists = new Map<string, { account: string | undefined; list: readonly Attached[] }>();
  readonly #listeners = new Set<() => void>();
  #count = 0;

  constructor(private readonly client: PerdureClient) {}

  subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    const leave = this.client.subscribe(listener);
    return () => {
      this.#listeners.delete(listener);
      leave();
    };
  };

  /** The same list until something of it changes. */
  get(draft: string): readonly Attached[] {
    // Whose drafts they are is known a moment after the beginning.
    const { account } = this.client.getSnapshot();
    const known = this.#lists.get(draft);
    if (known !== undefined && known.account === account) {
      return known.list;
    }
    const kept = read(this.client.draft(nameOf(draft)));
    const list = kept.length === 0 ? (known?.list ?? NONE) : [...kept, ...(known?.list ?? NONE)];
    this.#lists.set(draft, { account, list });
    return list;
  }

  set(draft: string, list: readonly Attached[]): void {
    const before = idsOf(this.#lists.get(draft)?.list ?? NONE);
    this.#lists.set(draft, { account: this.client.getSnapshot().account, list });
    if (idsOf(list) !== before) {
      const files = list.flatMap(({ stored }) => stored ?? []);
      this.client.setDraft(
        nameOf(draft),
        files.length === 0 ? '' : JSON.stringify({ at: Date.now(), files }),
      );
    }
    for (const listener of this.#listeners) {
      listener();
    }
  }

  /** Changes one that is still there. */
  change(draft: string, key: string, next: Partial<Attached>): void {
    const list = this.get(draft);
    if (list.some((each) => each.key === key)) {
      this.set(
        draft,
        list.map((each) => (each.key === key ? { ...each, ...next } : each)),
      );
    }
  }

  add(draft: string, files: Iterable<File>): void {
    const more = [...files].map((content): Attached => {
      this.#count++;
      const { name, size } = content;
      return { key: `new${this.#count}`, name: name || 'file', size, state: 'new', content };
    });
    this.set(draft, [...this.get(draft), ...more]);
  }

  /** Those of a message that comes back to be written anew. */
  giveBack(draft: string, files: readonly StoredFile[]): void {
    this.set(draft, [...this.get(draft), ...files.map(asAttached)]);
  }
}

const nameOf = (draft: string) => `${draft} files`;

const idsOf = (list: readonly Attached[]) => list.map(({ stored }) => stored?.id ?? '').join(' ');

function asAttached(stored: StoredFile): Attached {
  return { key: stored.id, name: stored.name, size: stored.size, state: 'ready', stored };
}

function read(text: string): readonly Attached[] {
  try {
    const { at, files } = JSON.parse(text) as { at: number; files: StoredFile[] };
    return Date.now() - at < KEPT_MILLIS ? files.map(asAttached) : NONE;
  } catch {
    return NONE;
  }
}

const stores = new WeakMap<PerdureClient, AttachedFiles>();

export function useAttachedFiles(draft: string): readonly [readonly Attached[], AttachedFiles] {
  const client = usePerdure();
  let store = stores.get(client);
  if (store === undefined) {
    store = new AttachedFiles(client);
    stores.set(client, store);
  }
  const own = store;
  const get = useCallback(() => own.get(draft), [own, draft]);
  return [useSyncExternalStore(own.subscribe, get), own];
}

/** Why the message cannot be sent with these files, if so. */
export function obstacle(
  files: readonly Attached[],
  models: readonly string[],
  rules: FileRules | undefined,
): string | undefined {
  if (files.some((each) => each.state === 'failed')) {
    return 'A file could not be attached. Try it again, or remove it.';
  }
  if (rules !== undefined) {
    const together = files.reduce((sum, each) => sum + each.size, 0);
    if (files.length > rules.maxCount) {
      return `A message has at most ${rules.maxCount} files. Remove ${files.length - rules.maxCount}.`;
    }
    if (together > rules.maxBytesTogether) {
      return `The files have ${bytes(together)} together; at most ${bytes(rules.maxBytesTogether)} can be given to a model. Remove some.`;
    }
    for (const { name, stored } of files) {
      const type = stored?.mediaType ?? '';
      const model = isText(type)
        ? undefined
        : models.find((each) => rules.takes[each]?.includes(type) === false);
      if (type !== '' && model !== undefined) {
        return `${shortModel(model)} cannot be given “${name}”. Choose another model, or remove the file.`;
      }
    }
  }
  return files.every((each) => each.state === 'ready')
    ? undefined
    : 'The message can be sent when its files are there.';
}

const isText = (type: string) => type.startsWith('text/') || type === 'application/json';

export const isPicture = (type: string) => type.startsWith('image/');
