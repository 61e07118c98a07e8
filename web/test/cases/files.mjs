// Files in messages: how they come in, what is said of those that cannot, and that none is lost.
import { openPage, send, until } from '../browser.mjs';
import { browser, choose, fresh, REFUSED, same, server } from '../world.mjs';
import { paintedPng } from '../words.mjs';

const attached = (page) => page.getByRole('list', { name: 'Attached files' }).getByRole('listitem');
const chooser = (page) => page.getByLabel('Files to attach');
const box = (page) => page.getByRole('textbox', { name: 'Message', exact: true });
const sender = (page) => page.getByRole('button', { name: 'Send', exact: true });
const ready = (page, count) =>
  until(`${count} files are there`, async () => (await page.locator('.attachment.ready').count()) === count);
const text = (name, said) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(said) });

/** Gives a file as a program does that copies it, or a hand that drags it. */
const handed = (page, kind, name, type, base64) =>
  page.evaluate(
    ([how, called, mediaType, content]) => {
      const bytes = Uint8Array.from(atob(content), (each) => each.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], called, { type: mediaType }));
      const more = { bubbles: true, cancelable: true };
      if (how === 'paste') {
        document.getElementById('message').dispatchEvent(new ClipboardEvent('paste', { ...more, clipboardData: data }));
      } else {
        document.body.dispatchEvent(new DragEvent(how, { ...more, dataTransfer: data }));
      }
    },
    [kind, name, type, base64],
  );

const partsOf = async (session) => {
  const { items } = await server.json(`/v1/sessions/${session}/messages?limit=50`);
  return items.filter((each) => each.role === 'user').map((each) => each.parts);
};

export const cases = {
  async files_are_attached_in_each_way_survive_a_reload_and_are_sent() {
    const page = await fresh();
    const painted = await paintedPng(page);
    const held = [];
    await page.route('**/v1/files?*', (route) => held.push(route));
    await chooser(page).setInputFiles([text('notes.md', '# Notes\n\nTwo of us.')]);
    await page.getByRole('progressbar', { name: 'Sending notes.md' }).waitFor();
    await page.getByText('The message can be sent when its files are there.').waitFor();
    if (await sender(page).isEnabled()) {
      throw new Error('a message can be sent without its file');
    }
    await until('it is being sent', () => held.length === 1);
    await held[0].continue();
    await page.unroute('**/v1/files?*');
    await ready(page, 1);
    await handed(page, 'paste', 'image.png', 'image/png', painted);
    await ready(page, 2);
    await handed(page, 'dragover', 'data.csv', 'text/csv', btoa('a,b\n1,2\n'));
    await page.getByText('Drop the files to attach them').waitFor();
    await handed(page, 'drop', 'data.csv', 'text/csv', btoa('a,b\n1,2\n'));
    await ready(page, 3);
    await page.getByText('Drop the files to attach them').waitFor({ state: 'detached' });
    // The same once more is the same.
    await chooser(page).setInputFiles([text('again.md', '# Notes\n\nTwo of us.')]);
    await until('it is not there twice', async () => (await attached(page).count()) === 3);
    await box(page).fill('What are these?');

    await page.reload();
    await ready(page, 3);
    await page.locator('.attachment img').waitFor();
    await page.getByText(/^3 of 10 files/).waitFor();
    await page.getByRole('button', { name: 'Remove notes.md' }).focus();
    await page.keyboard.press('Enter');
    await until('it is gone', async () => (await attached(page).count()) === 2);
    await until('the next one has the focus', () =>
      page.evaluate(() => document.activeElement?.getAttribute('aria-label') === 'Remove image.png'));
    const session = await send(page, '/echo two files');
    await until('nothing is attached any more', async () => (await attached(page).count()) === 0);
    await same(page, session);
    const [parts] = await partsOf(session);
    const sent = parts.map((part) => `${part.name ?? part.text} ${part.mediaType ?? ''}`).join('|');
    if (sent !== '/echo two files |image.png image/png|data.csv text/csv') {
      throw new Error(`the server has ${sent}`);
    }
    // Another browser draws the picture from what the server has.
    const other = await openPage(browser, `${server.url}/chat/${session}`);
    await other.getByRole('img', { name: 'image.png' }).waitFor();
    await other.locator('.file img').waitFor();
    await other.getByRole('button', { name: 'Open image.png' }).click();
    await other.locator('.file-large canvas').waitFor();
    const download = other.waitForEvent('download');
    await other.getByRole('button', { name: 'Download', exact: true }).click();
    if ((await download).suggestedFilename() !== 'image.png') {
      throw new Error('it is saved under another name');
    }
    await other.keyboard.press('Escape');
    await other.locator('dialog').waitFor({ state: 'detached' });
  },

  async what_cannot_be_attached_is_said_before_the_message_is_sent() {
    const page = await fresh(server, { allow: [REFUSED] });
    await choose(page, 'openai/gpt-5-mini');
    const zip = { name: 'all.zip', mimeType: 'application/zip', buffer: Buffer.from('PK\u0003\u0004\u0000\u0000') };
    await chooser(page).setInputFiles([zip]);
    await page.evaluate(() => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(11 << 20)], 'large.txt', { type: 'text/plain' }));
      document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
    });
    await page.getByText('It is neither a picture nor a PDF nor a text.').waitFor();
    await page.getByText(/are too many; a file has at most/).waitFor();
    await page.getByRole('button', { name: 'Remove all.zip' }).click();
    await page.getByRole('button', { name: 'Remove large.txt' }).click();

    await page.route('**/v1/files?*', (route) => route.abort());
    await chooser(page).setInputFiles([text('notes.txt', 'Something to keep.')]);
    await page.getByText('It did not reach the server.').waitFor();
    await page.unroute('**/v1/files?*');
    await page.getByRole('button', { name: 'Send notes.txt again' }).click();
    await ready(page, 1);

    const pdf = { name: 'paper.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.4\n%%EOF\n') };
    await chooser(page).setInputFiles([pdf]);
    await page.getByText('gpt-5-mini cannot be given “paper.pdf”. Choose another model, or remove the file.').waitFor();
    await box(page).fill('/echo kept');
    if (await sender(page).isEnabled()) {
      throw new Error('it can be sent to a model that cannot be given it');
    }
    await choose(page, 'demo/demo');
    await ready(page, 2);

    // The server says no after all: nothing that was written or attached is lost.
    await page.route('**/turns', (route) =>
      route.fulfill({
        status: 400,
        contentType: 'application/problem+json',
        body: JSON.stringify({ type: 'x', title: 'No', status: 400, code: 'invalid_request', detail: 'Not these.', retryable: false }),
      }),
    );
    await box(page).press('Enter');
    await page.getByText('Not these.').waitFor();
    await page.unroute('**/turns');
    await page.getByRole('button', { name: 'Take back' }).click();
    await ready(page, 2);
    await until('the words are back', async () => (await box(page).inputValue()) === '/echo kept');
    await box(page).press('Enter');
    await same(page);
  },
};
