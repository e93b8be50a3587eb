// Makes the pictures of the README: the demo as it runs, in both themes.
//
//     node screenshots.mjs        writes static/screenshots/live-{light,dark}.png

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { World, root, state } from "./fixture.mjs";

const FILE = "example.com/demo/shop/catalog/catalog.go";
const folder = join(root, "static/screenshots");
mkdirSync(folder, { recursive: true });

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
    await page.context().close();
  }
} finally {
  await world.end();
}
