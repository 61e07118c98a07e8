/** Sends files to the server, a few at a time, and says how far each is. */
import type { FileRules, StoredFile } from '@perdure/client';
import { settings } from '../app/settings.ts';
import { bytes } from '../ui/words.ts';
import type { Attached, AttachedFiles } from './attached.ts';
import { keepPicture } from './pictures.ts';

/** The server reads sixteen at once, of all who send. */
const AT_ONCE = 3;
const STALLED_MILLIS = 60_000;
/** So much of a file is looked at to tell a text from something else. */
const LOOKED_AT_BYTES = 65_536;
const PICTURES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
const TEXTS: Readonly<Record<string, string>> = {
  md: 'text/markdown',
  markdown: 'text/markdown',
  csv: 'text/csv',
  json: 'application/json',
};

const running = new Map<string, XMLHttpRequest | undefined>();
const waiting: (() => void)[] = [];

/** Begins to send what nobody has begun to send. */
export function begin(files: AttachedFiles, draft: string, rules: FileRules | undefined): void {
  for (const each of files.get(draft)) {
    if (each.state === 'new' && each.content !== undefined) {
      files.change(draft, each.key, { state: 'sending', sent: 0 });
      void go(files, draft, each, each.content, rules);
    }
  }
}

export function retry(files: AttachedFiles, draft: string, key: string): void {
  const { problem: _, ...rest } = files.get(draft).find((each) => each.key === key) ?? {};
  files.set(
    draft,
    files
      .get(draft)
      .map((each) => (each.key === key ? ({ ...rest, state: 'new' } as Attached) : each)),
  );
}

export function remove(files: AttachedFiles, draft: string, key: string): void {
  files.set(
    draft,
    files.get(draft).filter((each) => each.key !== key),
  );
  running.get(key)?.abort();
}

async function go(
  files: AttachedFiles,
  draft: string,
  { key, name }: Attached,
  content: File,
  rules: FileRules | undefined,
): Promise<void> {
  const fail = (problem: string, again = false) =>
    files.change(draft, key, { state: 'failed', problem, again });
  const wrong = await unfit(content, rules);
  if (wrong !== undefined) {
    fail(wrong);
    return;
  }
  while (running.size >= AT_ONCE) {
    await new Promise<void>((next) => waiting.push(next));
  }
  running.set(key, undefined);
  try {
    const stored = await send(key, name, content, (sent) => files.change(draft, key, { sent }));
    // The same content is one file: twice in a message would be twice for the model.
    if (files.get(draft).some((each) => each.stored?.id === stored.id)) {
      remove(files, draft, key);
    } else {
      await keepPicture(stored, content);
      const { name: shown, size } = stored;
      files.change(draft, key, { name: shown, size, state: 'ready', stored });
    }
  } catch (error) {
    if (error instanceof Failed) {
      fail(error.message, error.again);
    }
  } finally {
    running.delete(key);
    waiting.shift()?.();
  }
}

/** Why the server would not take it, as far as one can tell here. */
async function unfit(content: File, rules: FileRules | undefined): Promise<string | undefined> {
  if (rules !== undefined && content.size > rules.maxBytes) {
    return `${bytes(content.size)} are too many; a file has at most ${bytes(rules.maxBytes)}.`;
  }
  if (content.size === 0) {
    return 'There is nothing in it.';
  }
  if (PICTURES.includes(content.type) || content.type === 'application/pdf') {
    return undefined;
  }
  if (content.type.startsWith('image/')) {
    return 'Pictures can be PNG, JPEG, GIF or WebP. Save it as one of these.';
  }
  try {
    const head = content.slice(0, LOOKED_AT_BYTES);
    return isText(new Uint8Array(await head.arrayBuffer()))
      ? undefined
      : 'It is neither a picture nor a PDF nor a text.';
  } catch {
    return 'It cannot be read. A folder cannot be attached, only files.';
  }
}

/** What the server asks of a text: UTF-8 without control characters. Its end may be in mid-character. */
export function isText(head: Uint8Array): boolean {
  if (head.some((byte) => byte < 9 || byte === 11 || (byte > 13 && byte < 32) || byte === 127)) {
    return head.length > 4 && String.fromCharCode(...head.subarray(0, 5)) === '%PDF-';
  }
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}

class Failed extends Error {
  constructor(
    message: string,
    readonly again: boolean,
  ) {
    super(message);
  }
}

function typeOf({ name, type }: File): string {
  return TEXTS[name.slice(name.lastIndexOf('.') + 1).toLowerCase()] ?? (type || 'text/plain');
}

/** `fetch` cannot tell how far it is. */
function send(
  key: string,
  name: string,
  content: File,
  onPart: (part: number) => void,
): Promise<StoredFile> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    running.set(key, request);
    let stalled: ReturnType<typeof setTimeout>;
    const alive = () => {
      clearTimeout(stalled);
      stalled = setTimeout(() => request.abort(), STALLED_MILLIS);
    };
    request.open('POST', `/v1/files?name=${encodeURIComponent(name)}`);
    request.setRequestHeader('Content-Type', typeOf(content));
    const { key: credential } = settings();
    if (credential !== undefined) {
      request.setRequestHeader('Authorization', `Bearer ${credential}`);
    }
    request.upload.onprogress = ({ loaded, total }) => {
      alive();
      onPart(total === 0 ? 0 : loaded / total);
    };
    request.onloadend = () => {
      clearTimeout(stalled);
      try {
        resolve(answerOf(request));
      } catch (error) {
        reject(error);
      }
    };
    alive();
    request.send(content);
  });
}

function answerOf({ status, responseText }: XMLHttpRequest): StoredFile {
  let said: Partial<StoredFile> & { detail?: string; retryable?: boolean } = {};
  try {
    said = JSON.parse(responseText) as typeof said;
  } catch {
    // Said below.
  }
  const { id, name, mediaType, size } = said;
  if (status >= 200 && status < 300 && id !== undefined) {
    return { id, name: name ?? id, mediaType: mediaType ?? '', size: size ?? 0 };
  }
  if (status === 0) {
    throw new Failed('It did not reach the server.', true);
  }
  throw new Failed(said.detail ?? `The server answered ${status}.`, said.retryable ?? true);
}
