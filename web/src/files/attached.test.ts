// @vitest-environment happy-dom
import type { PerdureClient } from '@perdure/client';
import { expect, test } from 'vitest';
import { type Attached, AttachedFiles, obstacle } from './attached.ts';

const rules = {
  maxBytes: 100,
  maxBytesTogether: 150,
  maxCount: 2,
  takes: { 'a/eyes': ['image/png'], 'a/blind': [] },
};
const file = (name: string, mediaType: string, size = 10): Attached => ({
  key: name,
  name,
  size,
  state: 'ready',
  stored: { id: name, name, mediaType, size },
});

function clientOf(drafts: Map<string, string>, who: { account?: string }): PerdureClient {
  return {
    subscribe: () => () => undefined,
    getSnapshot: () => who,
    draft: (name: string) => (who.account === undefined ? '' : (drafts.get(name) ?? '')),
    setDraft: (name: string, text: string) => drafts.set(name, text),
  } as unknown as PerdureClient;
}

test('what is wrong with the files of a message is said before it is sent', () => {
  const picture = file('a.png', 'image/png');
  expect(obstacle([picture], ['a/eyes', 'a/unknown'], rules)).toBeUndefined();
  expect(obstacle([picture], ['a/eyes', 'a/blind'], rules)).toMatch(/^blind cannot be given/);
  expect(obstacle([file('a.md', 'text/markdown')], ['a/blind'], rules)).toBeUndefined();
  expect(obstacle([picture, picture, picture], [], rules)).toMatch(/at most 2 files. Remove 1/);
  expect(obstacle([{ ...picture, size: 151 }], [], rules)).toMatch(/at most 150 bytes/);
  expect(obstacle([{ ...picture, state: 'sending' }], [], rules)).toMatch(/when its files are/);
  expect(obstacle([{ ...picture, state: 'failed' }], [], undefined)).toMatch(/Try it again/);
});

test('what is stored survives a reload, once it is known whose it is', () => {
  const drafts = new Map<string, string>();
  const first = new AttachedFiles(clientOf(drafts, { account: 'ann' }));
  first.add('new', [new File(['x'], 'x.txt')]);
  expect(drafts.size).toBe(0);
  const [{ key } = { key: '' }] = first.get('new');
  const { stored } = file('x.txt', 'text/plain');
  first.change('new', key, { state: 'ready', ...(stored && { stored }) });

  const who: { account?: string } = {};
  const second = new AttachedFiles(clientOf(drafts, who));
  expect(second.get('new')).toEqual([]);
  who.account = 'ann';
  expect(second.get('new').map((each) => each.name)).toEqual(['x.txt']);
  expect(second.get('new')).toBe(second.get('new'));
  second.set('new', []);
  expect(drafts.get('new files')).toBe('');
});
