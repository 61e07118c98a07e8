// Pages with useChat in a real browser: the example as its page says, and the cases of chat-cases.mjs.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';
import { api, ask, base, forEach, main, say, skip, storedReplies, test, until, words } from './harness.mjs';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
const FLAGS = `--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
  --disable-component-update --disable-sync`.split(/\s+/);

const executablePath = process.env.PATH.split(delimiter)
  .flatMap(directory => BROWSERS.map(name => join(directory, name)))
  .find(existsSync);
if (!executablePath) skip('pages in a browser', 'There is no Chromium. Install the package chromium.');

const { copy, pages, removeCopies } = await import('./pages.mjs');

// Each start has a fresh user-data-dir of playwright's own.
const browser = await chromium.launch({ executablePath, args: FLAGS });
let chats = 0;

async function open(site, id = `page-${process.pid}-${chats++}`) {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${site.origin}/#${id}`);
  await page.waitForSelector('form');
  return Object.assign(page, { chat: id, resumed: 0 });
}

async function send(page, text) {
  await page.fill('textarea', text);
  await page.click('text=Send');
}

const reply = async page => (await page.locator('article[data-role=assistant]').allTextContents()).join('|');
const status = page => page.locator('[role=status]').textContent();
const some = page => until('some text', async () => (await reply(page)).length > 15);
const stored = async page => {
  const [one] = await api('GET', `/api/chat/${page.chat}/messages`);
  return storedReplies(one.metadata.session);
};

/** Waits for the whole reply; presses the button whenever the page offers it. */
async function whole(page, text) {
  await until('the whole reply', async () => {
    const button = page.locator('text=Resume');
    if (await button.isVisible()) {
      await button.click({ timeout: 1000 }).catch(() => {});
      page.resumed++;
    }
    return (await status(page)) === 'ready' && (await reply(page)) === text;
  });
  assert.equal((await page.locator('article').allTextContents()).length, 2);
  assert.deepEqual(
    (await stored(page)).map(message => [message.status, message.text]),
    [['complete', text]],
  );
  await page.context().close();
}

test('the example runs as its page says', async () => {
  const cwd = await copy();
  const vite = spawn('npm', ['run', 'dev'], { cwd, env: { ...process.env, PERDURE_URL: base }, detached: true });
  try {
    let said = '';
    vite.stdout.on('data', data => {
      said += data;
    });
    const address = () => said.replaceAll(/\x1b\[[0-9;]*m/g, '').match(/http:\/\/localhost:\d+/)?.[0];
    const page = await open({ origin: await until('the address that it prints', address) });
    await send(page, say(words(80), 20));
    await some(page);
    await page.reload();
    await page.waitForSelector('article');
    await whole(page, words(80));
  } finally {
    process.kill(-vite.pid);
  }
});

forEach(pages, 'a message is sent, its reply streamed live and stored', async site => {
  const page = await open(site);
  await send(page, say(words(150), 20));
  await some(page);
  assert.notEqual(await reply(page), words(150));
  await whole(page, words(150));
});

forEach(pages, 'a stream that is cut at any chunk is resumed', async site => {
  const page = await open(site);
  // A WebSocket that is open already would not be cut.
  for (const socket of site.sockets) socket.destroy();
  site.cuts = Array.from({ length: 14 }, (_, chunks) => chunks);
  await send(page, say(words(20), 5));
  await whole(page, words(20));
  // What came in one chunk is whole before the last of them.
  assert.ok(site.cuts.length < 8);
  site.cuts = [];
});

forEach(pages, 'a page is loaded again in mid-reply', async site => {
  const page = await open(site);
  await send(page, say(words(80), 20));
  await some(page);
  await page.reload();
  await page.waitForSelector('article');
  await whole(page, words(80));
});

forEach(pages, 'a reply is finished while nobody looks', async site => {
  const page = await open(site);
  await send(page, say(words(30), 10));
  await some(page);
  await page.goto('about:blank');
  await until('the end', async () => (await stored(page))[0].status === 'complete');
  await page.goto(`${site.origin}/#${page.chat}`);
  await whole(page, words(30));
});

forEach(pages, 'the same message is posted twice', async site => {
  const one = await open(site);
  const two = await open(site, one.chat);
  const message = { id: `twice-${one.chat}`, role: 'user', parts: [{ type: 'text', text: say(words(20), 10) }] };
  for (const page of [one, two]) await page.evaluate(it => void window.sendMessage(it), message);
  await Promise.all([whole(one, words(20)), whole(two, words(20))]);
});

forEach(pages, 'a reply is stopped by another client', async site => {
  const one = await open(site);
  await send(one, say(words(2000), 20));
  await some(one);
  const two = await open(site, one.chat);
  await some(two);
  await two.click('text=Stop');
  for (const page of [one, two]) await until('the end', async () => (await status(page)) === 'ready');
  assert.equal(await reply(one), await reply(two));
  const [message] = await stored(one);
  assert.deepEqual([message.status, message.text], ['cancelled', await reply(one)]);
  for (const page of [one, two]) await page.context().close();
});

forEach(pages, 'an attempt that failed after some text is taken back', async site => {
  const page = await open(site);
  await send(page, say(words(60), 5, '/error 529 at 40'));
  await some(page);
  await whole(page, words(60));
});

// A WebSocket outlives what Chromium calls offline.
const byHttp = pages.filter(site => !site.name.includes('WebSocket'));

forEach(byHttp, 'the network is lost for a while', async site => {
  const page = await open(site);
  await send(page, say(words(80), 20));
  await some(page);
  await page.context().setOffline(true);
  for (const socket of site.sockets) socket.destroy();
  if (!site.name.startsWith('Perdure')) await until('the break', async () => (await status(page)) === 'error');
  await page.context().setOffline(false);
  await whole(page, words(80));
  // The own transport has no need of a button.
  assert.equal(page.resumed > 0, !site.name.startsWith('Perdure'));
});

for (const { what, name } of [
  { what: 'kill', name: 'the server is killed in mid-reply' },
  { what: 'drain', name: 'the server drains in mid-reply' },
]) {
  forEach(
    pages,
    name,
    async (site, together) => {
      const page = await open(site);
      await send(page, say(words(100), 25));
      await some(page);
      await together();
      await whole(page, words(100));
    },
    () => ask(what),
  );
}

await main(async () => {
  await browser.close();
  await removeCopies();
});
