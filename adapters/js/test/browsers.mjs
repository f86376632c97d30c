// The browsers that pages are shown in. Both take what Playwright's and puppeteer's pages have in common.

import * as chromium from "./chromium.mjs";
import * as firefox from "./firefox.mjs";

export const BROWSERS = { Chromium: chromium.launch, Firefox: firefox.launch };
