// Makes the pictures of docs/web: the main states, light and dark, narrow and wide. Looked at by people.
// `node test/shots.mjs DIRECTORY [width]` makes all states there, for looking at only.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { openBrowser } from './browser.mjs';
import { openStage, states } from './states.mjs';

const SHOWN = ['empty', 'attached', 'history', 'streaming', 'compare', 'degraded', 'shared', 'operator'];
const [directory, only] = process.argv.slice(2);
const out = directory === undefined ? new URL('../../docs/web/', import.meta.url).pathname : `${directory}/`;
mkdirSync(out, { recursive: true });

const SIZES = { 1440: 900, 390: 844, 3840: 2160 };
const EXTRA = { 360: 740, 768: 1024 };
/** The widest page has room for the most: one picture of it is enough. */
const kept = (name, width) => SHOWN.includes(name) && (width < 3840 || name === 'compare');
const sizes = Object.entries(only === undefined ? SIZES : { ...SIZES, ...EXTRA })
  .map(([width, height]) => ({ width: Number(width), height }))
  .filter(({ width }) => only === undefined || width === Number(only));

const browser = await openBrowser();
for (const viewport of sizes) {
  for (const colorScheme of ['light', 'dark']) {
    const stage = await openStage();
    for await (const [name, page] of states(browser, stage, { viewport, colorScheme })) {
      if (directory !== undefined || kept(name, viewport.width)) {
        await page.screenshot({ path: `${out}${name}-${colorScheme}-${viewport.width}.png`, animations: 'disabled' });
      }
      if (page.problems.length > 0) {
        throw new Error(`${name}: ${page.problems.join('\n')}`);
      }
    }
    await stage.close();
  }
}
await browser.close();
// Few colours are enough for pictures of a page, and make them small; 98 says that some were small already.
try {
  execFileSync('bash', ['-c', 'cd "$1" && { pngquant --force --ext .png --skip-if-larger --speed 1 64 -- *.png || [ $? = 98 ]; }', 'bash', out]);
} catch {
  console.error('pngquant is not installed; the pictures are larger than they need be.');
}
