// What the tests stand on: a browser, a relay and programs of their own, all gone when a test ends.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Longest time that anything may take: generous, since machines are busy. */
export const PATIENCE = 30_000;

/** The distribution's browser; none is downloaded. */
export function browserPath() {
  if (process.env.COVERGLASS_BROWSER) return process.env.COVERGLASS_BROWSER;
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const found = names.map((name) => join(folder, name)).find((path) => existsSync(path));
    if (found) return found;
  }
  return undefined;
}

/** The binary to test: the one named, or the newest one that was built here. */
export function binary() {
  if (process.env.COVERGLASS_BIN) return process.env.COVERGLASS_BIN;
  const built = ["release", "debug"]
    .map((profile) => join(root, "target", profile, "coverglass"))
    .filter((path) => existsSync(path))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (built.length === 0) throw new Error("no binary: cargo build -p cli, or set COVERGLASS_BIN");
  return built[0];
}

/** Why tests can't run here; a browser that is missing is a failure where CI is set. */
export function missing() {
  if (browserPath()) return false;
  if (process.env.CI) throw new Error("there is no Chromium on PATH (COVERGLASS_BROWSER names one)");
  return "there is no Chromium on PATH (COVERGLASS_BROWSER names one)";
}

/** Folders, processes and a browser that end together. */
export class World {
  #undo = [];
  #browser;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "coverglass-browser-"));
    this.memory = this.#folder("memory");
    this.cache = this.#folder("cache");
    this.#undo.push(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  #folder(name) {
    const path = join(this.folder, name);
    spawnSync("mkdir", ["-p", path]);
    return path;
  }

  env(more = {}) {
    return { ...process.env, COVERGLASS_DIR: this.memory, COVERGLASS_CACHE: this.cache, ...more };
  }

  /** Writes files by their names; gives the path of each, and of each folder. */
  files(texts) {
    const paths = {};
    for (const [name, text] of Object.entries(texts)) {
      paths[name] = join(this.folder, "files", name);
      for (let folder = dirname(name); folder !== "."; folder = dirname(folder)) {
        paths[folder] = join(this.folder, "files", folder);
      }
      mkdirSync(dirname(paths[name]), { recursive: true });
      writeFileSync(paths[name], text);
    }
    return paths;
  }

  /** Starts a process and waits for its first line on standard output. */
  async start(command, args, options = {}) {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env: this.env(), ...options });
    let errors = "";
    child.stderr.on("data", (data) => (errors = (errors + data).slice(-4_000)));
    const ended = new Promise((done) => child.once("exit", done));
    const stop = async (signal = "SIGTERM") => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    };
    this.#undo.push(() => stop("SIGKILL"));
    const line = await new Promise((done, fail) => {
      let text = "";
      child.stdout.on("data", (data) => {
        text += data;
        if (text.includes("\n")) done(text.slice(0, text.indexOf("\n")).trim());
      });
      child.once("error", fail);
      ended.then((code) => fail(new Error(`${command} ${args.join(" ")} ended (${code}): ${errors}`)));
    });
    return { line, stop, child, pid: child.pid };
  }

  /** A relay; `url` is where its page is. */
  async relay({ listen = "127.0.0.1:0", args = [], env = {} } = {}) {
    const relay = await this.start(binary(), ["serve", "--listen", listen, ...args], {
      env: this.env(env),
    });
    return { ...relay, url: relay.line };
  }

  /**
   * A web server as anybody has one: the page, files by their paths, and no relay behind it.
   * `asked` are the paths that were asked for.
   */
  async host(files = {}) {
    const relay = await this.relay({ args: ["--no-collector"] });
    const asked = [];
    const server = createServer(async (request, answer) => {
      const { pathname } = new URL(request.url, relay.url);
      asked.push(pathname);
      const none = pathname === "/ws" || pathname.startsWith("/api/");
      if (pathname in files) {
        answer.end(files[pathname]);
      } else if (none || (pathname.includes(".") && !/\.(js|wasm|css|svg)$/.test(pathname))) {
        answer.writeHead(404, { "content-type": "text/html" }).end("<!doctype html><title>Not here</title>");
      } else {
        const page = await fetch(relay.url + pathname);
        answer.writeHead(page.status, { "content-type": page.headers.get("content-type") });
        answer.end(Buffer.from(await page.arrayBuffer()));
      }
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    this.#undo.push(() => server.closeAllConnections() ?? server.close());
    return { url: `http://127.0.0.1:${server.address().port}`, asked };
  }

  /** Builds a program of tests/programs; gives the path of its binary. */
  build(name) {
    const out = join(this.folder, name);
    const folder = join(root, "tests/programs", name);
    const built = spawnSync(binary(), ["build", "-o", out, "."], { cwd: folder, env: this.env() });
    if (built.status !== 0) throw new Error(`${name} can't be built: ${built.stderr}`);
    return out;
  }

  /** Runs a program of tests/programs that records its execution trace; gives the trace's path. */
  trace(name) {
    const path = join(this.folder, `${name}.trace`);
    const cwd = join(root, "tests/programs", name);
    const ran = spawnSync("go", ["run", ".", path], { cwd, env: this.env() });
    if (ran.status !== 0) throw new Error(`${name} can't be run: ${ran.stderr}`);
    return path;
  }

  /** The clicker, running. `get` asks it for something and waits for the answer. */
  async clicker() {
    this.clickerPath ??= this.build("clicker");
    const program = await this.start(this.clickerPath, []);
    const get = async (path) => (await (await fetch(program.line + path)).text()).trim();
    return { ...program, get };
  }

  async browser() {
    this.#browser ??= await chromium.launch({
      executablePath: browserPath(),
      // Root has no sandbox; the pages are our own.
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    });
    return this.#browser;
  }

  /** A page of its own; what goes wrong in it ends up in `page.complaints`. */
  async page(url, { width = 1280, height = 800, ...options } = {}) {
    const browser = await this.browser();
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: "light",
      ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    page.complaints = [];
    page.on("pageerror", (error) => page.complaints.push(`${error}`));
    page.on("console", (message) => {
      // A relay that is gone and a source that is not there are part of the tests.
      const expected = /ERR_CONNECTION|WebSocket connection|status of 404/;
      if (message.type() === "error" && !expected.test(message.text())) {
        page.complaints.push(message.text());
      }
    });
    await page.goto(url);
    return page;
  }

  async end() {
    await this.#browser?.close();
    for (const undo of this.#undo.reverse()) await undo();
  }
}

/** Closes a page in which nothing may have gone wrong. */
export async function finish(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

/** The page's own account of itself, once it is as wanted. */
export async function state(page, wanted = () => true) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await page.evaluate(() => window.coverglass?.getState());
    if (found && wanted(found)) return found;
    if (Date.now() > end) throw new Error(`not as wanted: ${JSON.stringify(found)}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** Waits until the page has shown `statements` covered statements. */
export const covered = (page, statements) =>
  state(page, (found) => found.statementsCovered === statements);

/** What the source shows of a line: its text, glyph, count, status and units. */
export async function line(page, number) {
  return page.evaluate((number) => {
    const rows = [...document.querySelectorAll(".code .line:not([hidden])")];
    const row = rows.find((row) => row.querySelector(".number").textContent === `${number}`);
    if (!row) return null;
    return {
      text: row.querySelector("code").textContent.trim(),
      glyph: row.querySelector(".glyph").textContent,
      count: row.querySelector(".count").textContent,
      age: row.querySelector(".age").textContent,
      status: row.className.split(" ")[1] ?? "",
      glowing: /glow[01]/.test(row.className),
      missed: [...row.querySelectorAll(".unit.missed")].map((unit) => unit.textContent),
      hit: [...row.querySelectorAll(".unit.hit")].map((unit) => unit.textContent),
    };
  }, number);
}

/** Waits until a line of the source is as wanted; gives it. */
export async function lineThat(page, number, wanted, what = "as wanted") {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await line(page, number);
    if (found && wanted(found)) return found;
    if (Date.now() > end) throw new Error(`line ${number} is not ${what}: ${JSON.stringify(found)}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

/** Lets go of files and folders over the page, as the desktop does. */
export async function drop(page, ...paths) {
  const devtools = await page.context().newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  // What the page thinks of it must have come back before the browser lets a file fall.
  for (const type of ["dragEnter", "dragOver", "dragOver", "drop"]) {
    await devtools.send("Input.dispatchDragEvent", { type, x: 200, y: 300, data });
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => done())));
  }
}

/** Pastes text into the page, as Ctrl V does. */
export const paste = (page, text) =>
  page.evaluate((text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", text);
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
  }, text);

/** Waits until an opened profile is shown, and as wanted. */
export const opened = (page, wanted = (found) => found.units > 0) =>
  state(page, (found) => found.route.includes("opened=") && wanted(found));

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds wrong, as lines to read. */
export async function violations(page) {
  await page.evaluate(axe);
  const result = await page.evaluate(() =>
    window.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    }),
  );
  return result.violations.flatMap((violation) =>
    violation.nodes.map((node) => `${violation.id}: ${node.target} ${node.failureSummary}`),
  );
}
