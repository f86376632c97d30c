/** A command line that cannot be obeyed. */
export class Usage extends Error {}
