/** Branch and tag names by Git's own rules (`git help check-ref-format`), less what could be taken for an option. */

/** Why it is no branch or tag name, as the rest of a sentence; undefined when it is one. */
export function refNameFault(name: string): string | undefined {
  if (name.startsWith('refs/')) return 'must be the short name, without refs/heads/ or refs/tags/';
  if (name === 'HEAD') return 'must not be HEAD; leave it out to follow the default branch';
  const bad =
    name.length > 200 ||
    /^[-/.@]$|^-|[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|^\/|\/$|\.$|(^|\/)\./.test(name) ||
    /\.lock(\/|$)/.test(name);
  return bad ? 'is no name that Git allows for a branch or tag' : undefined;
}
