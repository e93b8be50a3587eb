// Makes the pictures of the README: the demo as it runs, and goroutines of an example, in both themes.
//
//     node screenshots.mjs        writes static/screenshots/{live,patch,space}-{light,dark}.png

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { World, paste, root, state } from "./fixture.mjs";

const FILE = "example.com/demo/shop/catalog/catalog.go";
const folder = join(root, "static/screenshots");
mkdirSync(folder, { recursive: true });

/** A diff in which these lines of files of the demo are new. */
const diff = [
  ["shop/catalog/catalog.go", 60, 118],
  ["shop/cart/cart.go", 40, 96],
  ["shop/pricing/rules.go", 30, 90],
  ["auth/auth.go", 70, 120],
  ["api/handlers.go", 20, 44],
  ["docs/catalog.md", 1, 1],
].map(([path, first, last]) => {
  const text = path.endsWith(".md") ? "Catalog" : readFileSync(join(root, "tests/programs/demo", path), "utf8");
  const lines = text.split("\n").slice(first - 1, last);
  const head = `--- a/${path}\n+++ b/${path}\n@@ -${first - 1},0 +${first},${lines.length} @@\n`;
  return head + lines.map((line) => `+${line}\n`).join("");
});

const world = new World();
try {
  const demo = world.build("demo");
  const relay = await world.relay();
  await world.start("sh", ["-c", 'echo started; exec "$0" -load', demo]);
  for (const colorScheme of ["light", "dark"]) {
    const page = await world.page(`${relay.url}#/1/source?f=${FILE}&fn=validate`, {
      colorScheme,
      width: 1440,
      height: 860,
    });
    // By then a good part has run, and some has not.
    await state(page, (found) => found.statementsCovered > 400);
    await page.waitForFunction(() => document.querySelector(".line.covered"));
    await page.waitForTimeout(5_000);
    await page.screenshot({ path: join(folder, `live-${colorScheme}.png`) });
    await paste(page, diff.join(""));
    await page.locator(".patch .function-row").first().waitFor();
    await page.screenshot({ path: join(folder, `patch-${colorScheme}.png`) });
    await page.context().close();
    const trace = await world.page(new URL("/trace.html?gallery=sieve#view=3d", relay.url).href, {
      colorScheme,
      reducedMotion: "reduce",
      width: 1440,
      height: 860,
    });
    await trace.waitForFunction(() => /events/.test(document.querySelector("#status").textContent));
    await trace.locator("#stage").hover();
    await trace.mouse.wheel(0, -250);
    await trace.mouse.move(5, 850);
    await trace.locator("#space-scrubber").fill("900");
    await trace.locator("#stage").focus();
    await trace.waitForTimeout(3_000);
    await trace.screenshot({ path: join(folder, `space-${colorScheme}.png`) });
    await trace.context().close();
  }
} finally {
  await world.end();
}
