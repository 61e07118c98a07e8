// Measures in the browser: the first paint of a session that is in the cache, and the frames while four
// lanes stream 100 chunks a second each, with what a frame costs the page's thread in processor time, which
// hardly depends on what else the machine does. Prints figures; nothing is asserted.
import { openBrowser, openPage, send, Server, until } from './browser.mjs';

const RUNS = 20;
const server = await new Server().start();
const browser = await openBrowser();
const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
const page = await openPage(browser, server.url, { context });
const sorted = (list) => list.toSorted((a, b) => a - b);
const at = (list, part) => sorted(list)[Math.min(list.length - 1, Math.floor(list.length * part))];

// Two sessions with something in them, both cached.
const sessions = [];
for (let i = 0; i < 2; i++) {
  await page.goto(server.url);
  const session = await send(page, `/pace 0ms\n/long ${300 + i}`);
  for (let more = 0; more < 4; more++) {
    await server.replyText(session);
    await page.getByRole('textbox', { name: 'Message', exact: true }).fill('/pace 0ms\n/long 300');
    await page.keyboard.press('Enter');
    await until('it is accepted', async () => {
      const { items } = await server.json(`/v1/sessions/${session}/messages`);
      return items.length === 2 * (more + 2);
    });
  }
  await server.replyText(session);
  await page.locator('.facts').last().waitFor();
  sessions.push(session);
}
// What the page keeps in memory is gone with a reload; what is in the cache stays.
const paints = [];
for (let i = 0; i < RUNS; i++) {
  await page.goto(`${server.url}/chat/${sessions[0]}`);
  await page.locator('.reply').last().waitFor();
  paints.push(
    await page.evaluate(async (other) => {
      const began = performance.now();
      document.querySelector(`a[href="/chat/${other}"]`).click();
      for (;;) {
        await new Promise((resolve) => requestAnimationFrame(resolve));
        if (location.pathname.endsWith(other) && document.querySelector('.reply .prose')) {
          // Once more, so that the frame with it is on the screen.
          await new Promise((resolve) => requestAnimationFrame(resolve));
          return performance.now() - began;
        }
      }
    }, sessions[1]),
  );
}
console.log(`First paint of a cached session after the click: median ${at(paints, 0.5).toFixed(0)} ms, 95 % ${at(paints, 0.95).toFixed(0)} ms (${RUNS} runs)`);

await page.evaluate(() =>
  localStorage.setItem('perdure.settings', JSON.stringify({ models: ['demo/a', 'demo/b', 'demo/c', 'demo/d'] })),
);
await page.goto(server.url);
await send(page, '/pace 10ms\n/long 1500');
await until('all four write', async () => (await page.locator('.card .prose').count()) === 4);
const thread = await context.newCDPSession(page);
await thread.send('Performance.enable', { timeDomain: 'threadTicks' });
const costs = async () =>
  Object.fromEntries((await thread.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]));
const before = await costs();
const frames = await page.evaluate(
  () =>
    new Promise((resolve) => {
      const gaps = [];
      let before = performance.now();
      const end = before + 8_000;
      const tick = (now) => {
        gaps.push(now - before);
        before = now;
        if (now < end) {
          requestAnimationFrame(tick);
        } else {
          resolve(gaps.slice(1));
        }
      };
      requestAnimationFrame(tick);
    }),
);
const fps = 1000 / (frames.reduce((sum, each) => sum + each, 0) / frames.length);
console.log(`Four lanes at 100 chunks/s: ${fps.toFixed(1)} frames/s, a frame at 95 % ${at(frames, 0.95).toFixed(1)} ms, the longest ${at(frames, 1).toFixed(0)} ms`);
const after = await costs();
const cost = (name) => `${((1000 * (after[name] - before[name])) / frames.length).toFixed(2)} ms`;
console.log(
  `Processor time of a frame: ${cost('TaskDuration')}, of which scripts ${cost('ScriptDuration')}, styles ${cost('RecalcStyleDuration')}, layout ${cost('LayoutDuration')}`,
);
await browser.close();
await server.close();
