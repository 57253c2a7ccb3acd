/** What was asked cannot be done; the message is one line. */
export class Refused extends Error {}
