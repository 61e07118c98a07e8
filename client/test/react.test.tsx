// @vitest-environment happy-dom
import { readFileSync } from 'node:fs';
import { PerdureProvider, useActivity, useDraft, useTurns } from '@perdure/client/react';
import { act, createElement, Profiler, type ReactNode, StrictMode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeBrowser } from './browser.ts';
import { Chat } from './example.tsx';
import { FakeServer } from './server.ts';

let server: FakeServer;
let browser: FakeBrowser;
let root: Root;
let page: HTMLElement;

beforeEach(() => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  server = new FakeServer();
  browser = new FakeBrowser(server);
  page = document.createElement('div');
  document.body.append(page);
  root = createRoot(page);
});

afterEach(async () => {
  await act(async () => root.unmount());
  browser.close();
  page.remove();
});

async function until(condition: () => boolean, what: string): Promise<void> {
  await act(() => browser.clock.until(condition, what));
}

function button(text: string): HTMLButtonElement {
  const found = [...page.querySelectorAll('button')].find((one) =>
    one.textContent?.startsWith(text),
  );
  if (found === undefined) {
    throw new Error(`There is no button '${text}' in ${page.innerHTML}`);
  }
  return found;
}

async function type(text: string): Promise<void> {
  const input = page.querySelector('input');
  await act(async () => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set?.call(input, text);
    input?.dispatchEvent(new Event('input', { bubbles: true }));
  });
}

const lines = () => [...page.querySelectorAll('p')].map((line) => line.textContent);

test('the README shows a chat in thirty lines, and this is it', () => {
  const readme = readFileSync('README.md', 'utf8');
  const example = readFileSync('test/example.tsx', 'utf8');
  expect(example.trim().split('\n').length).toBeLessThanOrEqual(30);
  expect(readme).toContain(`\`\`\`tsx\n${example}\`\`\``);
});

test('the chat of the README sends, shows what comes, stops, and comes back', async () => {
  const client = browser.tab({ autoTitle: true });
  await act(async () =>
    root.render(
      createElement(
        StrictMode,
        null,
        createElement(PerdureProvider, { client }, createElement(Chat)),
      ),
    ),
  );
  await until(() => client.getSnapshot().sessions.status === 'ready', 'sessions');
  await act(async () => button('New').click());
  await until(() => page.querySelector('input') !== null, 'opened');
  await type('Hello');
  await act(async () => button('Send').click());
  expect(lines()[0]).toBe('Hello');
  await until(() => client.getSnapshot().activity.running.length === 1, 'running');
  expect(page.textContent).toContain('Stop');
  const [running] = client.getSnapshot().activity.running;
  const turn = running?.turn ?? '';
  server.say(turn, 'Hi ');
  server.say(turn, 'there.');
  await until(() => lines().join('|') === 'Hello|Hi there.', 'shown');
  expect(button('Hello').textContent).toBe('Hello running');
  server.finish(turn);
  await until(() => button('Hello').textContent === 'Hello idle', 'over');
  expect(page.querySelector('input')?.value).toBe('');
  expect(page.textContent).not.toContain('Stop');
});

const Thread = (props: { session: string }) => useTurns(props.session).branch.length;
const Activity = () => useActivity().running.length;
const Draft = (props: { session: string }) => useDraft(props.session)[0];

test('while a reply streams, only what shows it is rendered again', async () => {
  const client = browser.tab();
  const session = server.session();
  const other = server.session();
  const commits = { thread: 0, activity: 0, draft: 0 };
  const counted = (id: keyof typeof commits, child: ReactNode) =>
    createElement(
      Profiler,
      {
        id,
        key: id,
        onRender: () => {
          commits[id] += 1;
        },
      },
      child,
    );
  await act(async () =>
    root.render(
      createElement(PerdureProvider, { client }, [
        counted('thread', createElement(Thread, { session })),
        counted('activity', createElement(Activity)),
        counted('draft', createElement(Draft, { session: other })),
      ]),
    ),
  );
  const turn = server.accept(session, { text: 'a' });
  server.say(turn, 'begun');
  await until(() => client.getSnapshot().threads[session]?.branch.length === 2, 'begun');
  await act(() => browser.clock.pass(1_000));
  const before = { ...commits };
  for (let frame = 0; frame < 10; frame += 1) {
    for (let chunk = 0; chunk < 20; chunk += 1) {
      server.say(turn, 'x');
    }
    await act(() => browser.clock.pass(16));
  }
  expect(commits.thread - before.thread).toBeGreaterThan(5);
  expect(commits.thread - before.thread).toBeLessThanOrEqual(11);
  expect(commits.activity).toBe(before.activity);
  expect(commits.draft).toBe(before.draft);
});
