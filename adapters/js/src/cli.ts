#!/usr/bin/env node
// `npx waspect instrument`: what the native program of that name does, in Node.

import { instrumentCommand } from "./commands/instrument.js";
import { Usage } from "./commands/usage.js";

const USAGE = `Usage: waspect instrument IN.wasm -o OUT.wasm [OPTIONS]

\`waspect instrument --help\` lists the options. Other commands are those of the native program.
`;

try {
  const [command, ...rest] = process.argv.slice(2);
  if (command === "instrument") await instrumentCommand(rest);
  else if (command === undefined || ["help", "--help", "-h"].includes(command)) process.stdout.write(USAGE);
  else throw new Usage(`\`${command}\` is not a command here\n\n${USAGE}`);
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof Usage ? 2 : 1;
}
