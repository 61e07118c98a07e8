// Makes the pictures of docs/web: the main states, light and dark, narrow and wide. Looked at by people.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { openBrowser, openPage, send, Server, sessionOf, until } from './browser.mjs';
import { provider } from './provider.mjs';

const out = new URL('../../docs/web/', import.meta.url).pathname;

mkdirSync(out, { recursive: true });

const vendor = await provider();
const server = await new Server({
  OPENAI_API_KEY: 'sk-test',
  OPENAI_BASE_URL: vendor.url,
  PERDURE_DEFAULT_MODEL: 'openai/gpt-5-mini',
}).start();
const browser = await openBrowser();

const ANSWER = `A **log** is an append-only sequence. Each entry has a place, its \`seq\`, and readers go by that:

1. The writer appends and commits.
2. Readers follow from the last \`seq\` they have seen.
3. Whoever comes back asks for what came after it.

\`\`\`java
/** Everything behind a place, oldest first. */
List<Event> after(String turn, long seq) {
  return database.read(tx -> tx.list(AFTER, turn, seq));
}
\`\`\`

| reader | behind by | cost |
|---|--:|---|
| live tab | 0 | a cursor |
| phone, asleep | 412 | one read |

With arrivals at the rate $\\lambda$ a reader waits $W = \\frac{1}{\\mu - \\lambda}$ on average.`;
const LONG = `Three things keep it alive.

**The message is stored before it is answered.** Once the server says that it has accepted something, a crash cannot take that back: the turn's row is the queue.

**The reply is a log.** Every word that you see was committed before it was sent, so that any device can go on at the word where another one stopped.

**Nobody owns the connection.** Closing a tab ends a reader, not the writer. The next one begins with a snapshot and follows from there, whichever server it reaches.

What this costs is one commit for each flush, shared by all replies of a server.`;
const QUESTION = 'How does a reply survive a closed tab?';
vendor.answers = {
  'What is a log, and what does following one cost?': ANSWER,
  [QUESTION]: LONG,
};
const MODEL = 'openai/gpt-5-mini';
const titles = ['Name three caves in Austria', 'Tidy up this query', 'A plan for the garden', 'Letter to the landlord'];
for (const title of titles) {
  const session = await server.json('/v1/sessions', { method: 'POST', body: JSON.stringify({ title }) });
  await server.json(`/v1/sessions/${session.id}/turns`, { method: 'POST', body: JSON.stringify({ text: title, models: [MODEL] }) });
  await server.replyText(session.id);
}

async function shot(page, name) {
  await page.screenshot({ path: `${out}${name}.png`, animations: 'disabled' });
}

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 390, height: 844 };
const looks = [
  ['light-1440', { colorScheme: 'light', viewport: WIDE }],
  ['dark-1440', { colorScheme: 'dark', viewport: WIDE }],
  ['light-390', { colorScheme: 'light', viewport: NARROW }],
  ['dark-390', { colorScheme: 'dark', viewport: NARROW }],
];

let history;
for (const [look, options] of looks) {
  const context = await browser.newContext(options);
  const page = await openPage(browser, server.url, { context, allow: [/Failed to load/] });
  await page.locator('.lane-chip').waitFor();
  await shot(page, `empty-${look}`);

  if (history === undefined) {
    vendor.pace = 0;
    history = await send(page, 'What is a log, and what does following one cost?');
    await server.replyText(history);
  }
  await page.goto(`${server.url}/chat/${history}`);
  await page.locator('.reply math').first().waitFor();
  await page.locator('.hljs-keyword').first().waitFor();
  await page.locator('.facts').waitFor();
  await shot(page, `history-${look}`);

  await page.goto(server.url);
  vendor.pace = 60;
  await send(page, QUESTION);
  await until('some of it', async () => (await page.locator('.lane .prose').last().innerText()).length > 420);
  await shot(page, `streaming-${look}`);

  await page.goto(server.url);
  await page.evaluate(() =>
    localStorage.setItem(
      'perdure.settings',
      JSON.stringify({ models: ['openai/gpt-5-mini', 'openai/flaky', 'openai/gpt-5'] }),
    ),
  );
  await page.reload();
  vendor.fail = true;
  vendor.pace = 60;
  await send(page, QUESTION);
  await page.locator('.card.failed').waitFor();
  await until('some of it', async () => (await page.locator('.card .prose').first().innerText()).length > 250);
  await shot(page, `compare-${look}`);
  vendor.fail = false;

  await page.evaluate(() => localStorage.removeItem('perdure.settings'));
  await page.goto(server.url);
  await send(page, QUESTION);
  await until('some of it', async () => (await page.locator('.lane .prose').first().innerText()).length > 300);
  await context.setOffline(true);
  await page.locator('.banner').waitFor();
  await shot(page, `degraded-${look}`);
  await context.setOffline(false);

  await page.goto(`${server.url}/operator`);
  await page.locator('.circuit').first().waitFor();
  await shot(page, `operator-${look}`);
  if (page.problems.length > 0) {
    console.error(page.problems.join('\n'));
  }
  await context.close();
}
await browser.close();
await server.close();
await vendor.close();
// Few colours are enough for pictures of a page, and make them small.
try {
  execFileSync('bash', ['-c', 'cd "$1" && pngquant --force --ext .png --skip-if-larger --speed 1 64 -- *.png', 'bash', out]);
} catch {
  console.error('pngquant is not installed; the pictures are larger than they need be.');
}
