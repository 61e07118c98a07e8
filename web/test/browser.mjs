// What the browser tests, the screenshots and the measurements share: servers, browsers, small helpers.
import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const PATIENCE = 60_000;
process.setMaxListeners(50);
const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin/java') : 'java';

/** The class path of the server: its jar, or what SERVER_CLASSPATH says. */
const classPath =
  process.env.SERVER_CLASSPATH ??
  new URL('../../server/target/perdure.jar', import.meta.url).pathname;

/** The pages that the case has opened which is being run. */
const opened = new AsyncLocalStorage();

/**
 * Runs a case and closes what it has opened. A case fails if anything went wrong in any of its pages,
 * whether or not it had looked there: an error in a console, a page error, something that the policy forbids.
 */
export async function scoped(run) {
  const pages = [];
  try {
    await opened.run(pages, run);
    const problems = pages.flatMap((page) => page.problems);
    if (problems.length > 0) {
      throw new Error(problems.join('\n'));
    }
  } finally {
    await Promise.all(pages.map((page) => page.context().close().catch(() => undefined)));
  }
}

export async function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Waits until something is true; what it is about stands in the error. */
export async function until(what, check, patience = PATIENCE) {
  const end = Date.now() + patience;
  let last;
  for (;;) {
    try {
      last = await check();
      if (last) {
        return last;
      }
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) {
      throw new Error(`Not within ${patience} ms: ${what} (last: ${last})`);
    }
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

/** A server on a port of its own that can be killed and started again on the same data. */
export class Server {
  constructor(env = {}) {
    this.env = env;
    this.data = mkdtempSync(join(tmpdir(), 'perdure-web-'));
    // A script that breaks off must not leave its server behind.
    process.once('exit', () => this.process?.kill('SIGKILL'));
  }

  async start() {
    this.port ??= await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    this.output = '';
    this.process = spawn(
      java,
      [
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        '-Xmx384m',
        '--enable-native-access=ALL-UNNAMED',
        '-cp',
        classPath,
        'dev.perdure.server.Main',
        'start',
        '--port',
        String(this.port),
        '--data',
        this.data,
      ],
      { env: { ...process.env, PERDURE_DETECT_LOCAL_SERVERS: 'false', ...this.env } },
    );
    this.process.stdout.on('data', (bytes) => (this.output += bytes));
    this.process.stderr.on('data', (bytes) => (this.output += bytes));
    this.gone = new Promise((resolve) => this.process.once('exit', resolve));
    let ended = false;
    this.gone.then(() => {
      ended = true;
    });
    await until(
      `the server at ${this.url} is ready`,
      async () => ended || (await fetch(`${this.url}/readyz`)).ok,
      60_000,
    );
    if (ended) {
      throw new Error(`The server did not start: ${this.output}`);
    }
    return this;
  }

  async kill() {
    this.process.kill('SIGKILL');
    await this.gone;
  }

  async close() {
    await this.kill();
    rmSync(this.data, { recursive: true, force: true });
  }

  /** Takes its database away, as somebody does who holds it locked; returns what gives it back. */
  async lockDatabase() {
    const program = new URL('LockDatabase.java', import.meta.url).pathname;
    const other = spawn(java, [
      '-XX:TieredStopAtLevel=1',
      '--enable-native-access=ALL-UNNAMED',
      '-cp',
      classPath,
      program,
      join(this.data, 'perdure.db'),
    ]);
    process.once('exit', () => other.kill('SIGKILL'));
    let said = '';
    other.stdout.on('data', (bytes) => (said += bytes));
    other.stderr.on('data', (bytes) => (said += bytes));
    await until('the database is locked', () => said.includes('locked') || (other.exitCode !== null && 'ended'));
    if (other.exitCode !== null) {
      throw new Error(`The database was not locked: ${said}`);
    }
    return async () => {
      other.stdin.end();
      await until('it is given back', () => other.exitCode !== null);
    };
  }

  async json(path, init = {}) {
    const response = await fetch(this.url + path, {
      ...init,
      headers: { 'content-type': 'application/json', ...init.headers },
    });
    if (!response.ok) {
      throw new Error(`${path}: ${response.status} ${await response.text()}`);
    }
    return response.json();
  }

  /** The text of the newest reply of a session, once it is over. */
  async replyText(session, headers) {
    const reply = await until('the reply is over', async () => {
      const page = await this.json(`/v1/sessions/${session}/messages?limit=1`, { headers });
      const message = page.items[0];
      return ['complete', 'failed', 'cancelled'].includes(message?.status) ? message : undefined;
    }, 60_000);
    return textOf(reply);
  }
}

export const textOf = (message) =>
  message.parts
    .filter((part) => part.type === 'text')
    .map((part) => part.text)
    .join('');

/** As a browser shows it: Markdown joins lines, and spaces. */
export const flat = (text) => text.replaceAll(/\s+/g, ' ').trim();

export async function openBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-dev-shm-usage',
    ],
  });
}

/** A page, of a context of its own unless one is given, that notes everything that goes wrong in it. */
export async function openPage(browser, url, { context, options = {}, allow = [] } = {}) {
  const within = context ?? (await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options }));
  const page = await within.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.problems = [];
  page.allow = allow;
  opened.getStore()?.push(page);
  const note = (text) => {
    if (!page.allow.some((pattern) => pattern.test(text))) {
      page.problems.push(text);
    }
  };
  page.on('pageerror', (error) => note(`page error: ${error.stack ?? error}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || /Content Security Policy/.test(message.text())) {
      note(`console: ${message.text()} (${message.location().url})`);
    }
  });
  if (url !== undefined) {
    await page.goto(url);
  }
  return page;
}

export const sessionOf = (page) => new URL(page.url()).pathname.split('/')[2];

/** Writes a message and sends it; returns the session. */
export async function send(page, text) {
  const box = page.getByRole('textbox', { name: 'Message', exact: true });
  await box.fill(text);
  await box.press('Enter');
  await page.waitForURL(/\/chat\/sess_/);
  return sessionOf(page);
}

/** The text of the last reply as the page shows it. */
export const shownReply = (page) =>
  page.evaluate(() => {
    const replies = document.querySelectorAll('.reply');
    const last = replies[replies.length - 1];
    return [...(last?.querySelectorAll('.lane > div > div > .prose, .card > .card-body > div > .prose') ?? [])]
      .map((each) => each.innerText)
      .join('\n');
  });
