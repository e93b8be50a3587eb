// Execution traces from the main page, and of a program that runs.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { PATIENCE, World, binary, drop, missing } from "./fixture.mjs";

/** Starts a goroutine every 20 ms, until its input ends. What is inlined has no entry to be told. */
const PROGRAM = `package main

import (
	"io"
	"os"
	"time"
)

func short(done chan<- bool) {
	defer func() { done <- true }()
	time.Sleep(50 * time.Millisecond)
}

func main() {
	done := make(chan bool)
	go func() {
		for range done {
		}
	}()
	go func() {
		for {
			go short(done)
			time.Sleep(20 * time.Millisecond)
		}
	}()
	io.Copy(io.Discard, os.Stdin)
}
`;

/** The document's status, once it says how many goroutines there are, and more than so many. */
async function goroutines(document, more = 0) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const text = await document.locator("#status").textContent();
    const found = Number(/([\d,\u202f\u00a0 ]+) goroutines/.exec(text ?? "")?.[1].replace(/\D/g, ""));
    if (found > more) return found;
    if (Date.now() > end) throw new Error(`the status is ${JSON.stringify(text)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

describe("execution traces", { skip: missing(), concurrency: false }, () => {
  const world = new World();
  let relay;
  let program;
  let kept;

  before(async () => {
    relay = await world.relay();
    const folder = join(world.folder, "flock");
    mkdirSync(folder);
    writeFileSync(join(folder, "go.mod"), "module example.com/flock\n\ngo 1.23\n");
    writeFileSync(join(folder, "main.go"), PROGRAM);
    kept = join(world.folder, "kept.trace");
    const env = world.env({ COVERGLASS_URL: relay.url });
    const built = spawnSync("go", ["version"]);
    assert.equal(built.status, 0, "there is no Go");
    program = spawn(binary(), ["run", `--trace=${kept}`, "."], { cwd: folder, env });
  });

  after(async () => {
    program?.stdin.end();
    await world.end();
  });

  test("a program that runs is shown as it goes on, and to its end", async () => {
    const end = Date.now() + 4 * PATIENCE;
    const api = new URL("/api/v1/traces", relay.url);
    for (;;) {
      const { traces } = await (await fetch(api)).json();
      if (traces[0]?.generations > 1) break;
      assert.ok(Date.now() < end, "the trace did not come");
      await new Promise((done) => setTimeout(done, 100));
    }
    const start = await world.page(new URL("/trace.html", relay.url).href);
    const link = start.locator("#live a");
    assert.equal(await link.textContent(), "flock");
    await link.click();
    const page = start;
    const first = await goroutines(page);
    const later = await goroutines(page, first);
    assert.ok(later > first);

    // What a goroutine entered, once the program is asked to tell. The table changes meanwhile.
    const press = (selector, pattern) => {
      const found = page.locator(selector, { hasText: pattern }).first();
      return found.evaluate((button) => button.click());
    };
    const newest = async () => {
      await press("#table tbody .link", /\d/);
      await page.locator("#ran", { hasText: "main.short" }).waitFor();
    };
    await page.locator("#tab-executed").click();
    await press("#table .link", /^main\.short$/);
    await press("#table th[aria-sort=ascending] button", /^Goroutine ▴$/);
    await page.locator("#table th[aria-sort=descending]", { hasText: /^Goroutine ▾$/ }).waitFor();
    await newest();
    await page.locator("#flow-switch", { hasText: "Trace entries" }).click();
    await page.locator("#flow-switch", { hasText: "Stop" }).waitFor();
    const late = Date.now() + PATIENCE;
    const entered = page.locator("#entered li", { hasText: /^main\.short1×/ });
    while ((await entered.count()) === 0) {
      assert.ok(Date.now() < late, "no entry came");
      await new Promise((done) => setTimeout(done, 700));
      await newest();
    }
    await page.locator("#entered .source-line", { hasText: "func short(done chan<- bool)" }).waitFor();

    const ended = new Promise((done) => program.once("exit", done));
    program.stdin.end();
    assert.equal(await ended, 0);
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });

  test("a trace that is dropped on the main page opens over it, and goes again", async () => {
    assert.equal(readFileSync(kept).subarray(0, 5).toString(), "go 1.");
    const page = await world.page(relay.url);
    await page.waitForFunction(() => window.coverglass?.getState());
    await drop(page, kept);
    const frame = page.frameLocator("iframe[title=Goroutines]");
    await frame.locator("#status").waitFor();
    assert.ok((await goroutines(frame)) > 5);
    assert.match(await frame.locator("#status").textContent(), /^kept\.trace/);
    const box = await page.locator("iframe").boundingBox();
    assert.deepEqual([box.x, box.y, box.width, box.height], [0, 0, 1280, 800]);

    await frame.locator("#stage").press("Escape");
    await page.locator("iframe").waitFor({ state: "hidden" });
    // It stays behind until it is closed.
    const trace = page.getByRole("button", { name: "Goroutines of kept.trace" });
    await trace.click();
    await page.locator("iframe").waitFor();
    // Once more, and back by the button.
    await frame.locator("#back").click();
    await drop(page, kept);
    await page.locator("iframe:visible").waitFor();
    assert.equal(await page.locator("iframe").count(), 1);
    await goroutines(frame);
    await frame.locator("#back").click();
    await page.getByRole("button", { name: "Close the trace" }).click();
    await page.locator("iframe").waitFor({ state: "detached" });
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });

  test("a trace that is not there is said to be missing", async () => {
    const page = await world.page(new URL("/trace.html?live=nobody", relay.url).href);
    await page.locator("#failed p", { hasText: "nobody: there is no execution trace" }).waitFor();
    await page.context().close();
  });
});
