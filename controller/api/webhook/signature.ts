/** Whether a delivery was signed with our secret: HMAC-SHA-256 over its raw bytes. The older SHA-1 header counts for nothing. */
import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { Webhooks } from '@octokit/webhooks';

/** The signature header where there is exactly one and it has the form of one; a second would be joined to it by a comma. */
export function signatureOf(headers: IncomingHttpHeaders): string | undefined {
  const value = headers['x-hub-signature-256'];
  return typeof value === 'string' && /^sha256=[0-9a-f]{64}$/.test(value) ? value : undefined;
}

/** Gives the text of a delivery that was signed with the secret, and undefined for any other. Compared in constant time. */
export type Verify = (bytes: Buffer, signature: string) => Promise<string | undefined>;

/** Checks by @octokit/webhooks, which takes text and throws on an empty one: bytes that are no UTF-8 were signed by nobody. */
export function createVerify(secret: string): Verify {
  const webhooks = new Webhooks({ secret });
  return async (bytes, signature) => {
    if (bytes.length === 0 || !isUtf8(bytes)) return undefined;
    const text = bytes.toString('utf8');
    return (await webhooks.verify(text, signature)) ? text : undefined;
  };
}
