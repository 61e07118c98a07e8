// What the cases share: a browser, a server and a model server, and the words in which they are written.
import { flat, openBrowser, openPage, Server, sessionOf, shownReply, until } from './browser.mjs';
import { provider } from './provider.mjs';

export { choose, REFUSED } from './words.mjs';

export const browser = await openBrowser();
export const vendor = await provider();
export const server = await new Server({
  OPENAI_API_KEY: 'sk-test',
  OPENAI_BASE_URL: vendor.url,
  PERDURE_DEFAULT_MODEL: 'demo/demo',
}).start();

export async function closeWorld() {
  await browser.close();
  await server.close();
  vendor.close();
}

/** The reply as it is shown is that of the server, to the last character. */
export async function same(page, session = sessionOf(page), of = server, headers = undefined) {
  const stored = flat(await of.replyText(session, headers));
  if (stored === '') {
    throw new Error('the server has no text');
  }
  await until('the page shows what the server has', async () => flat(await shownReply(page)) === stored).catch(
    async (error) => {
      const shown = flat(await shownReply(page));
      let at = 0;
      while (at < stored.length && shown[at] === stored[at]) {
        at++;
      }
      throw new Error(
        `${error.message}\n They differ at ${at} of ${stored.length}.\n shown:  ${shown.slice(at - 50, at + 100)}\n stored: ${stored.slice(at - 50, at + 100)}`,
      );
    },
  );
  return stored;
}

export async function grown(page, chars) {
  await until(`the reply has ${chars} characters`, async () => (await shownReply(page)).length >= chars);
}

/** A page on which nothing was said yet. */
export async function fresh(of = server, more = {}) {
  const page = await openPage(browser, of.url, more);
  await page.getByRole('textbox', { name: 'Message', exact: true }).waitFor();
  return page;
}

export async function isOver(session, of = server) {
  const { items } = await of.json(`/v1/sessions/${session}/messages?limit=1`);
  return !['pending', 'streaming'].includes(items[0]?.status);
}
