// The states of the page that people meet, one after the other: for the pictures, and for the checks that hold
// in each of them.
import { openPage, send, Server, until } from './browser.mjs';
import { provider } from './provider.mjs';
import { choose, paintedPng, REFUSED } from './words.mjs';

const MODEL = 'openai/gpt-5-mini';
const ASKED = 'What is a log, and what does following one cost?';
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
const QUESTION = 'How does a reply survive a closed tab?';
const PAGES = [
  ['The log as a data structure', 'https://papers.example/log'],
  ['Queueing theory in ten pages', 'https://www.lectures.example/queues'],
  ['Write-ahead logging', 'https://docs.example/wal'],
  ['What a reader costs who has fallen asleep, measured on three databases', 'https://measured.example/readers'],
  ['forum.example', 'https://forum.example/t/1412'],
  ['Cursors', 'https://docs.example/cursors'],
  ['Group commit', 'https://docs.example/group-commit'],
  ['Snapshots', 'https://docs.example/snapshots'],
];
const WALK = 'Where could this be, and what do my notes leave out?';
const SEEN =
  'Rounded, wooded hills in several layers, under a low sun: a **low mountain range**, seen towards the evening. Your notes have the way up and the way down. They leave out how long you were at the top, and what the weather was like.';
const COMPARED = 'What keeps a reply alive?';
const NETWORK = 'And if I lose the network?';
const DATABASE = 'What if the database is away?';
const LONG = `Three things keep it alive.

**The message is stored before it is answered.** Once the server says that it has accepted something, a crash cannot take that back: the turn's row is the queue.

**The reply is a log.** Every word that you see was committed before it was sent, so that any device can go on at the word where another one stopped.

**Nobody owns the connection.** Closing a tab ends a reader, not the writer. The next one begins with a snapshot and follows from there, whichever server it reaches.

What this costs is one commit for each flush, shared by all replies of a server.`;
const TRIP = {
  type: 'object',
  required: ['seats'],
  properties: {
    seats: { type: 'integer', title: 'Seats', description: 'At most four' },
    day: { type: 'string', enum: ['Friday', 'Saturday'] },
    window: { type: 'boolean', title: 'By the window' },
  },
};
const TITLES = ['Three caves in Austria', 'Tidy up this query', 'A plan for the garden', 'Letter to the landlord'];
/** Slow enough to be looked at in the middle. */
const SLOW_MILLIS = 60;

/** A server with a few chats, and a model that says what the states show. */
export async function openStage() {
  const vendor = await provider();
  vendor.answers = { [ASKED]: ANSWER, [WALK]: SEEN };
  vendor.cites = {
    [ASKED]: PAGES.map(([title, url]) => ({ title, url })),
  };
  for (const question of [QUESTION, COMPARED, NETWORK, DATABASE]) {
    vendor.answers[question] = LONG;
  }
  const server = await new Server({
    OPENAI_API_KEY: 'sk-test',
    OPENAI_BASE_URL: vendor.url,
    PERDURE_DEFAULT_MODEL: MODEL,
  }).start();
  const post = (path, body) => server.json(path, { method: 'POST', body: JSON.stringify(body) });
  for (const title of TITLES) {
    const { id } = await post('/v1/sessions', { title });
    await post(`/v1/sessions/${id}/turns`, { text: title });
    await server.replyText(id);
  }
  return {
    vendor,
    server,
    post,
    async close() {
      await server.close();
      vendor.close();
    },
  };
}

const shownText = async (page, which) => (await page.locator(which).innerText()).length;

/** Goes through the states in one look; each time the page is in one, its name and the page are given. */
export async function* states(browser, stage, options) {
  const context = await browser.newContext(options);
  const page = await openPage(browser, stage.server.url, { context, allow: [REFUSED] });
  yield* beginnings(page, stage);
  yield* replies(page, stage);
  yield* breaks(page, stage);
  await page.goto(`${stage.server.url}/operator`);
  await page.locator('.circuit').first().waitFor();
  yield ['operator', page];
  await context.close();
}

async function* beginnings(page, { server, vendor }) {
  await page.route('**/v1/**', (route) =>
    route.fulfill({ status: 401, contentType: 'application/problem+json', body: '{"code":"unauthenticated","title":"No","status":401,"detail":"No key.","retryable":false}' }),
  );
  await page.reload();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  yield ['sign-in', page];
  await page.unroute('**/v1/**');
  await page.goto(server.url);
  await page.locator('.lane-chip').waitFor();
  yield ['empty', page];

  await page.getByRole('button', { name: /^Model:/ }).click();
  await page.getByPlaceholder('provider/model').waitFor();
  yield ['models', page];
  await page.keyboard.press('Escape');

  const drawer = page.getByRole('button', { name: 'Chats', exact: true });
  if (await drawer.isVisible()) {
    await drawer.click();
  }
  const row = page.locator('.session').first();
  await row.hover();
  await row.getByRole('button').click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Undo' }).waitFor();
  await page.getByRole('searchbox').fill('nothing has these words');
  await page.getByText('Nothing found for').waitFor();
  yield ['list', page];
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.goto(server.url);
  vendor.pace = 0;
}

async function* replies(page, stage) {
  const { server, vendor } = stage;
  const painting = { name: 'hills.png', mimeType: 'image/png', buffer: Buffer.from(await paintedPng(page), 'base64') };
  const letter = { name: 'Notes of the walk.md', mimeType: 'text/markdown', buffer: Buffer.from('# The walk\n\nUp in the morning, down at noon.') };
  const film = { name: 'film.mp4', mimeType: 'video/mp4', buffer: Buffer.from([0, 0, 0, 1]) };
  const attach = page.getByLabel('Files to attach');
  await attach.setInputFiles([painting, letter, film]);
  await until('two are there', async () => (await page.locator('.attachment.ready').count()) === 2);
  await page.locator('.attachment.failed').waitFor();
  await page.locator('.attachment img').waitFor();
  yield ['attached', page];
  await page.getByRole('button', { name: 'Remove film.mp4' }).click();
  const walk = await send(page, WALK);
  await server.replyText(walk);
  await page.locator('.file img').waitFor();
  await page.locator('.facts').waitFor();
  yield ['files', page];
  await page.goto(server.url);
  const session = await send(page, ASKED);
  await server.replyText(session);
  await page.locator('.reply math').first().waitFor();
  await page.locator('.hljs-keyword').first().waitFor();
  await page.locator('.facts').waitFor();
  yield ['history', page];

  await page.getByRole('button', { name: 'More', exact: true }).click();
  await page.getByRole('menuitem', { name: /Share/ }).click();
  await page.getByRole('button', { name: 'Make a link' }).click();
  const link = await page.getByRole('textbox', { name: 'The link' }).inputValue();
  yield ['share', page];
  await page.goto('about:blank');
  await page.goto(link);
  await page.locator('.reply math').first().waitFor();
  await page.locator('.hljs-keyword').first().waitFor();
  yield ['shared', page];

  await page.goto(server.url);
  vendor.pace = SLOW_MILLIS;
  await send(page, QUESTION);
  await until('some of it', async () => (await shownText(page, '.lane .prose')) > 420);
  yield ['streaming', page];

  const asks = await stage.post('/v1/sessions', { title: 'Tea or coffee' });
  await stage.post(`/v1/sessions/${asks.id}/turns`, {
    text: '/think\n/tool ask_user {"question":"Tea or coffee?","choices":["tea","coffee"]}',
    tools: ['ask_user'],
    models: ['demo/demo'],
  });
  await page.goto(`${server.url}/chat/${asks.id}`);
  await page.locator('.question').getByText('Tea or coffee?').waitFor();
  yield ['question', page];

  const form = await stage.post('/v1/sessions', { title: 'A trip to the mountains' });
  await stage.post(`/v1/sessions/${form.id}/turns`, {
    text: `/tool ask_user ${JSON.stringify({ question: 'When would you like to go?', form: TRIP })}`,
    tools: ['ask_user'],
    models: ['demo/demo'],
  });
  await page.goto(`${server.url}/chat/${form.id}`);
  await page.getByRole('spinbutton', { name: 'Seats' }).waitFor();
  yield ['form', page];

  await page.goto(server.url);
  await choose(page, MODEL, 'openai/flaky', 'openai/gpt-5');
  vendor.fail = true;
  await send(page, COMPARED);
  await page.locator('.card.failed').waitFor();
  await until('some of it', async () => (await shownText(page, '.card .prose >> nth=0')) > 250);
  yield ['compare', page];
  vendor.fail = false;
  await page.evaluate(() => localStorage.removeItem('perdure.settings'));
}

async function* breaks(page, { server, vendor }) {
  vendor.pace = SLOW_MILLIS;
  await page.goto(server.url);
  await send(page, NETWORK);
  await until('some of it', async () => (await shownText(page, '.lane .prose')) > 200);
  await page.context().setOffline(true);
  await page.locator('.banner').waitFor();
  yield ['offline', page];
  await page.context().setOffline(false);
  await page.locator('.banner').waitFor({ state: 'detached' });

  await page.goto(server.url);
  vendor.held[DATABASE] = 300;
  await send(page, DATABASE);
  await until('some of it', async () => (await shownText(page, '.lane .prose')) > 200);
  const giveBack = await server.lockDatabase();
  // The rest of it takes so long that the database is missed before it is there.
  vendor.pace = 10 * SLOW_MILLIS;
  delete vendor.held[DATABASE];
  await page.getByText('The server waits for its database.').waitFor();
  yield ['degraded', page];
  vendor.pace = 0;
  await giveBack();
  await page.locator('.banner').waitFor({ state: 'detached' });
}
