// The network, the server, its database or the device goes away in the middle of a reply.
import { openPage, send, Server, shownReply, until } from '../browser.mjs';
import { holdingProxy } from '../proxy.mjs';
import { browser, fresh, grown, isOver, REFUSED, same, server } from '../world.mjs';

const OFFLINE_MILLIS = 30_000;

/** These mostly wait, so they run beside the others. */
export const patient = {
  async offline_for_30_seconds_is_said_and_what_was_missed_comes_after_it() {
    const context = await browser.newContext();
    const page = await fresh(server, { context, allow: [REFUSED] });
    // Longer than the time offline: the page comes back into the middle of it.
    const session = await send(page, '/pace 150ms\n/long 260');
    await grown(page, 50);
    await context.setOffline(true);
    await page.getByText('You are offline').waitFor();
    const before = (await shownReply(page)).length;
    await new Promise((resolve) => setTimeout(resolve, OFFLINE_MILLIS));
    if ((await shownReply(page)).length > before + 200) {
      throw new Error('the page was not offline');
    }
    if (await isOver(session)) {
      throw new Error('the reply was over too early to show this');
    }
    await context.setOffline(false);
    await page.getByText('You are offline').waitFor({ state: 'detached' });
    await same(page, session);
  },

  async a_proxy_that_holds_streams_back_is_got_round() {
    const proxy = await holdingProxy(server.url);
    try {
      const page = await openPage(browser, proxy.url, { allow: [REFUSED] });
      const session = await send(page, '/pace 100ms\n/long 400');
      await grown(page, 200);
      if (await isOver(session)) {
        throw new Error('the reply was over too early to show this');
      }
      if (proxy.streams === 0 || proxy.polls === 0) {
        throw new Error(`${proxy.streams} streams and ${proxy.polls} polls came to the proxy`);
      }
      await page.getByRole('button', { name: 'Stop the reply' }).click();
      await same(page, session);
      // What comes next is shown without waiting for anything.
      await page.getByRole('textbox', { name: 'Message', exact: true }).fill('/echo and this');
      await page.keyboard.press('Enter');
      await until('the next one is shown', async () => /and this/.test(await shownReply(page)));
      await same(page, session);
    } finally {
      proxy.close();
    }
  },

  async a_server_that_waits_for_its_database_says_so_and_loses_nothing() {
    const own = await new Server().start();
    try {
      const page = await fresh(own, { allow: [REFUSED] });
      const session = await send(page, '/pace 25ms\n/long 3000');
      await grown(page, 50);
      const giveBack = await own.lockDatabase();
      await page.getByText('The server waits for its database.').waitFor();
      await giveBack();
      await page.getByText('The server waits for its database.').waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Stop the reply' }).click();
      await same(page, session, own);
    } finally {
      await own.close();
    }
  },
};

export const cases = {
  async a_killed_server_is_started_again_in_mid_reply() {
    const own = await new Server().start();
    try {
      const page = await fresh(own, { allow: [REFUSED] });
      const session = await send(page, '/pace 15ms\n/long 150');
      await grown(page, 200);
      await own.kill();
      await page.getByText('Reconnecting.').waitFor();
      await own.start();
      await page.getByText('Reconnecting.').waitFor({ state: 'detached' });
      await same(page, session, own);
    } finally {
      await own.close();
    }
  },

  async a_phone_that_slept_shows_the_whole_reply_when_it_wakes() {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
    const page = await fresh(server, { context });
    const session = await send(page, '/pace 10ms\n/long 150');
    await grown(page, 50);
    const phone = await context.newCDPSession(page);
    await phone.send('Page.setWebLifecycleState', { state: 'frozen' });
    await server.replyText(session);
    await phone.send('Page.setWebLifecycleState', { state: 'active' });
    await same(page, session);
  },
};
