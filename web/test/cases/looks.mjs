// How the page looks and moves, and whether people can use it who use other means.
import axe from '../axe.mjs';
import { openPage, Server, send, until } from '../browser.mjs';
import { openStage, states } from '../states.mjs';
import { browser, choose, fresh, grown, same, server, vendor } from '../world.mjs';

/** Of the picture that may move while a reply streams; 0.1 counts as good for a whole visit. */
const MAX_SHIFT = 0.005;

/** About 100 characters. */
const MAX_LINE_REM = 46;
/** What a model is asked that answers with all that could be too wide. */
const WIDE = 'Be wide';

/** What is wider than the place that it is in, and cannot be scrolled to. */
const tooWide = (page) =>
  page.evaluate(() => {
    const found = [];
    for (const each of document.querySelectorAll('body, .thread-list, .main, .bar, .composer, .operator, .dialog, .menu, .banner, .alone, .reply, .user, .tool, .card, .toast')) {
      if (each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0) {
        found.push(`${each.className} is ${each.scrollWidth} wide in ${each.clientWidth}`);
      }
      if (each.getBoundingClientRect().right > innerWidth + 1) {
        found.push(`${each.className} reaches ${each.getBoundingClientRect().right} of ${innerWidth}`);
      }
    }
    return found;
  });

async function inEveryState(options) {
  const stage = await openStage();
  try {
    const found = [];
    for await (const [name, page] of states(browser, stage, { ...options, reducedMotion: 'reduce' })) {
      const wrong = [...(await axe(page)), ...(await tooWide(page))];
      found.push(...wrong.map((each) => `${name}: ${each}`));
    }
    if (found.length > 0) {
      throw new Error(`${JSON.stringify(options)}\n${found.join('\n')}`);
    }
  } finally {
    await stage.close();
  }
}

export const cases = {
  nothing_stands_in_the_way_of_people_on_a_wide_light_page: () =>
    inEveryState({ colorScheme: 'light', viewport: { width: 1440, height: 900 } }),

  nothing_stands_in_the_way_of_people_on_a_narrow_dark_page: () =>
    inEveryState({ colorScheme: 'dark', viewport: { width: 360, height: 740 } }),

  async from_360_pixels_to_4k_nothing_is_wider_than_the_page_and_lines_stay_short() {
    const word = 'Donaudampfschifffahrtsgesellschaft'.repeat(8);
    vendor.answers[WIDE] = [
      `A word: ${word}, an address: https://example.com/${'path/'.repeat(40)}, \`code_${'x'.repeat(200)}\``,
      `| a | b | c | d |\n|---|---|---|---|\n| ${'some words in a cell '.repeat(3)} | ${word} | 3 | 4 |`,
      `\`\`\`js\nconst long = '${'0123456789'.repeat(40)}';\n\`\`\``,
      `> ${word}\n\n- ${word}\n\n# ${word}`,
      'مرحبا، كيف حالك؟',
    ].join('\n\n');
    const page = await fresh();
    await choose(page, 'openai/one', 'openai/two', 'openai/three', 'openai/four');
    const compared = await send(page, WIDE);
    await until('all are done', async () => (await page.locator('.card.completed').count()) === 4);
    await page.goto(server.url);
    await choose(page, 'openai/one');
    const session = await send(page, WIDE);
    await server.replyText(session);
    await page.locator('.facts').waitFor();
    const rightToLeft = page.locator('.prose p', { hasText: 'مرحبا' });
    if ((await rightToLeft.evaluate((each) => getComputedStyle(each).direction)) !== 'rtl') {
      throw new Error('Arabic runs from the left');
    }
    const wrong = [];
    for (const [width, height] of [[360, 740], [768, 1024], [3840, 2160]]) {
      await page.setViewportSize({ width, height });
      for (const [shown, place] of [[compared, '.card >> nth=3'], [session, '.lane']]) {
        await page.goto(`${server.url}/chat/${shown}`);
        await page.locator(place).waitFor();
        wrong.push(...(await tooWide(page)).map((each) => `${width}: ${each}`));
        const longest = await page.evaluate(() => {
          const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
          return Math.max(...[...document.querySelectorAll('.prose')].map((each) => each.clientWidth)) / rem;
        });
        if (longest > MAX_LINE_REM) {
          wrong.push(`${width}: lines of ${longest} rem`);
        }
      }
    }
    if (wrong.length > 0) {
      throw new Error(wrong.join('\n'));
    }
  },

  async nothing_moves_while_replies_stream() {
    // Alone on its server: a chat of another case that begins moves up in the list, as it shall.
    const own = await new Server({ PERDURE_DEFAULT_MODEL: 'demo/demo' }).start();
    try {
      const page = await fresh(own);
      for (const models of [['demo/one'], ['demo/one', 'demo/two']]) {
        await page.goto(own.url);
        await choose(page, ...models);
        const session = await send(page, '/pace 20ms\n/long 120');
        await grown(page, 20);
        await page.evaluate(() => {
          window.shifts = [];
          new PerformanceObserver((list) => window.shifts.push(...list.getEntries())).observe({ type: 'layout-shift' });
        });
        await own.replyText(session);
        await until('it is over', async () => (await page.locator('.facts').count()) === models.length);
        const moved = await page.evaluate(() =>
          window.shifts.map((shift) => ({
            value: shift.value,
            // What has no node is the mark where the text grows, which goes with it.
            what: shift.sources.map(({ node }) => (node === null ? 'mark' : node.className || node.nodeName)).join(', '),
          })),
        );
        const sum = moved.reduce((total, each) => total + each.value, 0);
        if (sum > MAX_SHIFT) {
          throw new Error(`${models}: moved by ${sum}: ${JSON.stringify(moved)}`);
        }
        if (models.length === 1) {
          await same(page, session, own);
        }
      }
      // Before the server goes: a page says so when it cannot be reached.
      await page.close();
    } finally {
      await own.close();
    }
  },

  async a_long_history_is_drawn_where_one_looks_and_comes_as_one_scrolls_up() {
    const turns = 60;
    const { id } = await server.json('/v1/sessions', { method: 'POST', body: '{"title":"Long"}' });
    for (let turn = 0; turn < turns; turn++) {
      await server.json(`/v1/sessions/${id}/turns`, {
        method: 'POST',
        body: JSON.stringify({ text: `/echo answer number ${turn}`, whenBusy: 'enqueue' }),
      });
    }
    await until('all is said', async () => {
      const { items } = await server.json(`/v1/sessions/${id}/messages?limit=200`);
      return items.filter((each) => each.status === 'complete' && each.role === 'assistant').length === turns;
    });
    const page = await openPage(browser, `${server.url}/chat/${id}`);
    await page.getByText(`answer number ${turns - 1}`, { exact: true }).waitFor();
    await same(page, id);
    const thread = page.locator('.thread');
    await until('the first message is come to', async () => {
      await thread.evaluate((box) => {
        box.scrollTop = 0;
      });
      return page.getByText('answer number 0', { exact: true }).isVisible();
    });
    const drawn = await page.locator('.slot[data-drawn=true]').count();
    if (drawn > turns) {
      throw new Error(`${drawn} of ${2 * turns} are drawn`);
    }
    await page.getByRole('button', { name: 'Latest' }).click();
    await until('the newest is seen again', () =>
      page.getByText(`answer number ${turns - 1}`, { exact: true }).isVisible());
    await same(page, id);
  },

  async everything_is_done_with_the_keyboard() {
    const page = await fresh();
    await page.keyboard.press('Control+Shift+O');
    await page.getByRole('textbox', { name: 'Message', exact: true }).focus();
    await page.keyboard.type('/pace 20ms');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('/long 500');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/chat\/sess_/);
    await grown(page, 50);
    await page.keyboard.press('Escape');
    await page.getByText('Stopped.', { exact: true }).waitFor();
    await until('screen readers are told', async () =>
      (await page.locator('[role=log]').textContent()) === 'The reply was stopped.');
    await same(page);
    await page.keyboard.press('Control+K');
    await page.keyboard.type('no such words');
    await page.getByText('Nothing found for').waitFor();
    await page.keyboard.press('Control+Shift+O');
    await page.locator('.welcome').waitFor();
    await page.keyboard.press('Control+Shift+ArrowDown');
    await page.waitForURL(/\/chat\/sess_/);
  },
};
