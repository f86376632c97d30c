// What every engine has, wherever it is: in an AudioWorklet there is no TextEncoder and no crypto.

/** UTF-8. Half a pair of surrogates becomes a replacement character. */
export function utf8(text: string): Uint8Array {
  const escaped = encodeURIComponent(text.replace(/[\ud800-\udfff]/gu, "\ufffd"));
  const bytes = escaped.replace(/%(..)/g, (_, byte: string) => String.fromCharCode(parseInt(byte, 16)));
  return Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
}

/** 16 random bytes. Ids need to differ; where there is no crypto, they can be guessed. */
export function random(): Uint8Array {
  const bytes = Uint8Array.from({ length: 16 }, () => Math.random() * 256);
  return globalThis.crypto?.getRandomValues(bytes) ?? bytes;
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
