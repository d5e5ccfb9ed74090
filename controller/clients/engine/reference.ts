/**
 * The one spelling of an image reference that the engine's own lists use, so that references can be compared as text:
 * `docker.io/library/nginx` is `nginx:latest`; the host of any other registry stays.
 */
export function normaliseReference(reference: string): string {
  const name = reference.replace(/^(index\.)?docker\.io\//, '').replace(/^library\//, '');
  const [beforeDigest = '', digest] = name.split('@');
  const tagAt = beforeDigest.indexOf(':', beforeDigest.lastIndexOf('/') + 1);
  if (digest !== undefined) return `${tagAt < 0 ? beforeDigest : beforeDigest.slice(0, tagAt)}@${digest}`;
  return tagAt < 0 ? `${name}:latest` : name;
}
