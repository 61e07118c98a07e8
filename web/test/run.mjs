// The browser tests: real Chromium, real servers. One line of JSON for each case goes to stdout, and one
// at the end with the number of cases that there are. `node test/run.mjs WORD` runs those whose name has the word.
import { scoped } from './browser.mjs';
import * as breaks from './cases/breaks.mjs';
import * as chats from './cases/chats.mjs';
import * as files from './cases/files.mjs';
import * as looks from './cases/looks.mjs';
import * as tabs from './cases/tabs.mjs';
import { closeWorld } from './world.mjs';

/** Cases that compute at the same time; those that mostly wait run beside them. */
const AT_ONCE = 3;

const only = process.argv[2];
// The longest first, so that the others fill the gaps.
const modules = [looks, breaks, tabs, files, chats];
const chosen = (cases) =>
  Object.entries(cases).filter(([name]) => only === undefined || name.includes(only));
const patient = modules.flatMap((each) => chosen(each.patient ?? {}));
const busy = modules.flatMap((each) => chosen(each.cases));
const count = patient.length + busy.length;

async function run([name, one]) {
  const began = Date.now();
  const said = { case: name };
  try {
    await scoped(one);
  } catch (error) {
    said.error = `${error.stack ?? error}`;
    process.exitCode = process.stdout.isTTY ? 1 : 0;
  }
  said.millis = Date.now() - began;
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

async function work() {
  for (let next = busy.shift(); next !== undefined; next = busy.shift()) {
    await run(next);
  }
}

await Promise.all([...patient.map(run), ...Array.from({ length: AT_ONCE }, work)]);
await closeWorld();
process.stdout.write(`${JSON.stringify({ cases: count })}\n`);
process.exit();
