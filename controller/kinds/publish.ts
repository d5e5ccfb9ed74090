/** What the tunnel is to lead to. */
export interface Publish {
  readonly owner: string;
  /** Address of nginx as the connector on this machine reaches it. */
  readonly service: string;
}

/** `http://…` of the address that nginx listens on; one that means every address is asked for on the loopback. */
export function serviceUrl({ host, port }: { readonly host: string; readonly port: number }): string {
  const bare = host.replace(/^\[|\]$/g, '');
  const near = bare === '0.0.0.0' ? '127.0.0.1' : bare === '::' ? '::1' : bare;
  return `http://${near.includes(':') ? `[${near}]` : near}:${port}`;
}
