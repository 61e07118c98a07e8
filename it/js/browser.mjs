// The example page examples/use-chat, built as its package.json says, in a real browser against a real server.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { build } from 'vite';
import { ask, base, main, say, skip, storedReplies, test, until, words } from './harness.mjs';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
const FLAGS = `--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
  --disable-component-update --disable-sync`.split(/\s+/);
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

const executablePath = process.env.PATH.split(delimiter)
  .flatMap(directory => BROWSERS.map(name => join(directory, name)))
  .find(existsSync);
if (!executablePath) skip('the example page', 'There is no Chromium. Install the package chromium.');

// The example with the packages of this directory, whose versions are the same.
const example = fileURLToPath(new URL('../../examples/use-chat', import.meta.url));
const pinned = JSON.parse(await readFile(new URL('package.json', import.meta.url))).dependencies;
const { dependencies, devDependencies } = JSON.parse(await readFile(join(example, 'package.json')));
for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
  assert.equal(version, pinned[name], `${name} of the example`);
}
const root = await mkdtemp(join(tmpdir(), 'perdure-page-'));
await cp(example, root, { recursive: true, filter: path => !path.includes('node_modules') });
await symlink(fileURLToPath(new URL('node_modules', import.meta.url)), join(root, 'node_modules'));
await build({ root, logLevel: 'error', cacheDir: join(root, '.vite') });

/** Serves the page, and passes on the rest as Vite's proxy does; connections can be cut. */
const sockets = new Set();
const site = createServer(async (from, to) => {
  if (from.url.startsWith('/api')) {
    const headers = { ...from.headers, host: new URL(base).host, origin: base };
    const on = request(base + from.url, { method: from.method, headers });
    on.on('response', answer => {
      to.writeHead(answer.statusCode, answer.headers);
      answer.pipe(to);
      answer.on('error', () => to.destroy());
    });
    on.on('error', () => to.destroy());
    to.on('close', () => on.destroy());
    from.pipe(on);
    return;
  }
  const path = from.url === '/' ? '/index.html' : from.url;
  const body = await readFile(join(root, 'dist', path)).catch(() => null);
  to.writeHead(body ? 200 : 404, { 'content-type': TYPES[extname(path)] ?? 'text/plain' });
  to.end(body ?? '');
});
site.on('connection', socket => {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
});
await new Promise(ready => site.listen(0, '127.0.0.1', ready));
const origin = `http://localhost:${site.address().port}`;

// Each start has a fresh user-data-dir of playwright's own.
const browser = await chromium.launch({ executablePath, args: FLAGS });
let chats = 0;

async function open(id = `page-${process.pid}-${chats++}`) {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${origin}/#${id}`);
  await page.waitForSelector('form');
  return Object.assign(page, { chat: id });
}

async function send(page, text) {
  await page.fill('textarea', text);
  await page.click('text=Send');
}

const shown = page => page.locator('article').allTextContents();
const reply = async page => (await page.locator('article[data-role=assistant]').allTextContents()).join('|');
const status = page => page.locator('[role=status]').textContent();
const some = page => until('some text', async () => (await reply(page)).length > 15);

/** Waits for the whole reply; presses the button whenever the page offers it. */
async function whole(page, text) {
  await until('the whole reply', async () => {
    const button = page.locator('text=Resume');
    if (await button.isVisible()) await button.click().catch(() => {});
    return (await status(page)) === 'ready' && (await reply(page)) === text;
  });
  assert.equal((await shown(page)).length, 2);
  const loaded = await (await fetch(`${base}/api/chat/${page.chat}/messages`)).json();
  const [stored] = await storedReplies(loaded[1].metadata.session);
  assert.equal(stored.text, text);
}

test('a message is sent, streamed and stored', async () => {
  const page = await open();
  await send(page, say(words(30), 5));
  await some(page);
  await whole(page, words(30));
});

test('a page that is loaded again in mid-reply goes on with it', async () => {
  const page = await open();
  await send(page, say(words(80), 25));
  await some(page);
  await page.reload();
  await page.waitForSelector('article');
  await whole(page, words(80));
});

test('a reply that was finished while nobody looked is shown', async () => {
  const page = await open();
  await send(page, say(words(30), 20));
  await some(page);
  await page.goto('about:blank');
  await until('the end', async () => {
    const loaded = await (await fetch(`${base}/api/chat/${page.chat}/messages`)).json();
    return loaded.length === 2;
  });
  await page.goto(`${origin}/#${page.chat}`);
  await whole(page, words(30));
});

test('a stop in another tab ends the reply in both', async () => {
  const one = await open();
  await send(one, say(words(2000), 20));
  await some(one);
  const two = await open(one.chat);
  await some(two);
  await two.click('text=Stop');
  for (const page of [one, two]) await until('the end', async () => (await status(page)) === 'ready');
  assert.equal(await reply(one), await reply(two));
});

test('a page that was offline has the whole reply once it is back', async () => {
  const page = await open();
  await send(page, say(words(80), 25));
  await some(page);
  await page.context().setOffline(true);
  for (const socket of sockets) socket.destroy();
  await until('the break', async () => (await status(page)) === 'error');
  await page.context().setOffline(false);
  await whole(page, words(80));
});

test('a server that is killed in mid-reply takes it up again for the page', async () => {
  const page = await open();
  await send(page, say(words(80), 25));
  await some(page);
  await ask('kill');
  await whole(page, words(80));
});

await main(async () => {
  await browser.close();
  await rm(root, { recursive: true });
});
