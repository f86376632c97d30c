// A hundred names that would like to be more than names.

const RUN = "globalThis.ran=1";

const MARKUP = [
  `<script>${RUN}</script>`, `"><script>${RUN}</script>`, `</title><script>${RUN}</script>`, `</script><script>${RUN}</script>`,
  `<img src=x onerror=${RUN}>`, `<img src="https://evil.example/x.png">`, `"><img src=x onerror="${RUN}">`, `<svg onload=${RUN}>`,
  `<svg><script>${RUN}</script></svg>`, `<iframe srcdoc="<script>parent.${RUN}</script>">`, `<iframe src="javascript:parent.${RUN}">`,
  `<object data="javascript:${RUN}">`, `<embed src="javascript:${RUN}">`, `<base href="https://evil.example/">`,
  `<meta http-equiv=refresh content="0;url=https://evil.example/">`, `<link rel=stylesheet href="https://evil.example/">`,
  `<style>*{background:url(https://evil.example/)}</style>`, `<details open ontoggle=${RUN}>`, `<input autofocus onfocus=${RUN}>`,
  `<form action="https://evil.example/"><button>x`, `<a href="javascript:${RUN}">x</a>`, `<math><mi xlink:href="data:x,<script>${RUN}</script>">`,
  `<template><script>${RUN}</script></template>`, `<body onload=${RUN}>`, `<marquee onstart=${RUN}>`, `<video><source onerror=${RUN}></video>`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`, `<!--<img src="--><img src=x onerror=${RUN}//">`, `<![CDATA[<script>${RUN}</script>]]>`,
];

const ATTRIBUTES = [
  `" onmouseover="${RUN}`, `' onmouseover='${RUN}`, `" autofocus onfocus="${RUN}`, `javascript:${RUN}`, `data:text/html,<script>${RUN}</script>`,
  "#/health", "../../metrics", "//evil.example/", "https://evil.example/", `\${${RUN}}`, `{{${RUN}}}`, `{{constructor.constructor('${RUN}')()}}`,
  "&lt;script&gt;", `&#60;script&#62;${RUN}&#60;/script&#62;`, "%3Cscript%3E", "\\u003cscript\\u003e", `';${RUN}//`, `";${RUN}//`, `\`;${RUN}//`,
  `*/${RUN}/*`, `]]>${RUN}`, `expression(${RUN})`, "}*{display:none}", "url(https://evil.example/)",
];

const PROPERTIES = [
  "__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "innerHTML", "onclick", "then", "length", "null", "undefined", "NaN",
];

const CHARACTERS = [
  "\u0000", "\u001b[31mred\u001b[0m", "\u001b]0;title\u0007", "\u202eevil\u202c", "\u2066a\u2069", "\u200b", "\ufeff", "a\u0301".repeat(50), "\u2028", "\u2029",
  "\ud800", "\udfff", "\ufffd", "\r\nx: y", "\t", "\u007f", "\u0085", "\u{e0001}", "\u{1f469}\u200d\u{1f680}", "\u00ad", "\u061c", "\u180e", "\u3164",
];

const SIZES = ["", " ", "a".repeat(100_000), "<b>".repeat(10_000), "&".repeat(1_000), '"'.repeat(1_000), "\u202e".repeat(1_000), "\n".repeat(1_000), "-1", "1e999", "0x10", "[object Object]"];

export function hostile() {
  // JSON has no lone surrogates that survive UTF-8: what arrives is what a decoder makes of them.
  const names = [...MARKUP, ...ATTRIBUTES, ...PROPERTIES, ...CHARACTERS, ...SIZES].map((text) => text.toWellFormed());
  if (names.length < 100) throw new Error(`${names.length} names are not a hundred`);
  return names;
}
