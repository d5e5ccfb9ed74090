/** What a hostname may not be although its letters are right. */
import { domainToUnicode } from 'node:url';
import { show } from './findings.ts';

/** Why it can't be served, as the rest of a sentence; undefined when it can. Case is never changed silently. */
export function hostnameFault(hostname: string, reservedHosts: readonly string[]): string | undefined {
  if (hostname.length > 253)
    return `makes ${show(hostname)}, which is longer than 253 characters; shorten it`;
  const odd = hostname.split('.').find((label) => label.slice(2, 4) === '--');
  if (odd?.startsWith('xn--')) {
    return `is punycode for ${show(domainToUnicode(odd))}; internationalised names are not supported, choose an ASCII name`;
  }
  if (odd !== undefined)
    return `holds ${odd}: -- as third and fourth character is reserved; choose another name`;
  if (/(^|\.)[0-9]+$/.test(hostname)) return `makes ${hostname}, which reads as an IP address; choose a name`;
  if (reservedHosts.includes(hostname)) return `${hostname} is the controller's own; choose another`;
  return undefined;
}
