// Several sessions, tabs, browsers.
import { flat, openPage, send, shownReply, until } from '../browser.mjs';
import { browser, choose, fresh, grown, isOver, same, server, vendor } from '../world.mjs';

export const cases = {
  async a_closed_tab_finds_its_reply_done() {
    const context = await browser.newContext();
    const page = await fresh(server, { context });
    const session = await send(page, '/pace 10ms\n/long 80');
    await grown(page, 20);
    await page.close();
    const stored = await server.replyText(session);
    const again = await openPage(browser, `${server.url}/chat/${session}`, { context });
    if ((await same(again)) !== flat(stored)) {
      throw new Error('another text');
    }
  },

  async three_running_sessions_are_switched_between() {
    const page = await fresh();
    await choose(page, 'openai/echo');
    const said = [0, 1, 2].map((of) => Array.from({ length: 200 }, (_, at) => `word${at}of${of}`).join(' '));
    const sessions = [];
    for (const text of said) {
      // However slow the machine is, it runs until it is let go.
      vendor.held[text] = text.length / 2;
      sessions.push(await send(page, text));
      await page.getByRole('button', { name: 'New chat', exact: true }).click();
      await page.locator('.welcome').waitFor();
    }
    for (const session of sessions) {
      await page.locator('.session', { has: page.locator(`a[href="/chat/${session}"]`) }).locator('.state.running').waitFor();
    }
    for (const at of [1, 0, 2, 0, 1]) {
      await page.locator(`a[href="/chat/${sessions[at]}"]`).click();
      await until('the reply is there as far as it is', async () =>
        (await shownReply(page)).startsWith(said[at].slice(0, said[at].length / 4)),
      );
    }
    for (const text of said) {
      delete vendor.held[text];
    }
    for (const [at, session] of sessions.entries()) {
      await page.locator(`a[href="/chat/${session}"]`).click();
      if ((await same(page, session)) !== said[at]) {
        throw new Error('another text');
      }
    }
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
  },

  async ten_tabs_of_one_browser_share_its_connections() {
    const context = await browser.newContext();
    const streams = new Set();
    const following = (request) => new URL(request.url()).pathname === '/v1/inbox/events';
    context.on('request', (request) => following(request) && streams.add(request));
    context.on('requestfinished', (request) => streams.delete(request));
    context.on('requestfailed', (request) => streams.delete(request));
    const first = await fresh(server, { context });
    const session = await send(first, '/pace 20ms\n/long 3000');
    const tabs = await Promise.all(
      Array.from({ length: 9 }, () => openPage(browser, `${server.url}/chat/${session}`, { context })),
    );
    await Promise.all(tabs.map((tab) => grown(tab, 50)));
    // HTTP/1.1 has six connections for all tabs; more than one stream would soon use them up.
    const protocols = await first.evaluate(() =>
      performance.getEntriesByType('resource').map((each) => each.nextHopProtocol).filter(Boolean),
    );
    if (protocols.some((each) => each !== 'http/1.1')) {
      throw new Error(`not HTTP/1.1: ${protocols}`);
    }
    // While one tab hands over to another there may be two.
    await until('one stream is open', () => streams.size === 1);
    if (await isOver(session)) {
      throw new Error('the reply was over too early to show this');
    }
    await first.getByRole('button', { name: 'Stop the reply' }).click();
    await Promise.all([first, ...tabs].map((tab) => same(tab, session)));
  },
};
