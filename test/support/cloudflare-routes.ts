/** Which call goes where in the stand-in, and who is let in. */
import { records } from './cloudflare-records.ts';
import {
  allowed,
  type Call,
  type CloudState,
  failure,
  hexId,
  membersOf,
  NO_ROUTE,
  page,
  type Reply,
  success,
} from './cloudflare-state.ts';
import { tunnels } from './cloudflare-tunnels.ts';

export const PREFIX = '/client/v4';

const FEW = { min: 5, max: 50, usual: 20 };

/** What the door and the rooms behind it need to know. */
export interface Door {
  readonly token: string;
  readonly revoked: boolean;
  readonly accountOwned: boolean;
  readonly state: CloudState;
}

/** Carries a call out. */
export function answer(
  door: Door,
  call: Call,
  { authorization, pathname }: { readonly authorization: string; readonly pathname: string },
): Reply {
  return refusalOf(door, authorization) ?? route(door, call, pathname);
}

function refusalOf({ token, revoked }: Door, authorization: string): Reply | undefined {
  if (authorization === '')
    return failure(400, 9106, 'Missing X-Auth-Key, X-Auth-Email or Authorization headers');
  const [, given] = /^Bearer ([\w.~+/=-]+)$/.exec(authorization) ?? [];
  if (given === undefined)
    return failure(400, 6003, 'Invalid request headers', [
      { code: 6111, message: 'Invalid format for Authorization header' },
    ]);
  return given !== token || revoked ? failure(403, 9109, 'Invalid access token') : undefined;
}

function route(door: Door, call: Call, pathname: string): Reply {
  const { state, accountOwned } = door;
  const [first, id, part, ...rest] = pathname.startsWith(`${PREFIX}/`) ? call.path.slice(1).split('/') : [];
  const get = call.method === 'GET';
  if (call.path === '/user/tokens/verify' && get)
    return accountOwned ? failure(401, 1000, 'Invalid API Token') : valid();
  if (first === 'accounts' && id === undefined && get) {
    if (accountOwned)
      return failure(400, 1001, 'List accounts endpoint does not support account owned tokens.');
    return page(state.accounts, call.query, FEW);
  }
  if (first === 'zones' && id === undefined && get)
    return allowed(state, 'Zone:Read') ?? zonePage(state, call);
  const zone = state.zones.find((one) => one.id === id);
  if (first === 'zones' && part === 'dns_records' && rest.length <= 1)
    return zone ? records(state, zone, rest[0], call) : NO_ROUTE(call.path);
  if (first === 'accounts' && !state.accounts.some((one) => one.id === id)) return NO_ROUTE(call.path);
  if (first === 'accounts' && part === 'cfd_tunnel' && rest.length <= 2)
    return tunnels(state, id ?? '', rest, call);
  if (first === 'accounts' && part === 'tokens' && rest[0] === 'verify' && get)
    return accountOwned ? valid() : failure(401, 1000, 'Invalid API Token');
  return NO_ROUTE(call.path);
}

function valid(): Reply {
  const reply = success({ id: hexId(), status: 'active' });
  const messages = [{ code: 10000, message: 'This API Token is valid and active', type: null }];
  return { ...reply, body: { ...membersOf(reply.body), messages } };
}

function zonePage({ zones, accounts }: CloudState, { query }: Call): Reply {
  const account = query.get('account.id');
  const rows = zones
    .filter((zone) => account === null || zone.account === account)
    .filter(({ name }) => query.get('name') === null || name === query.get('name'))
    .map(({ id, name, account: owner }) => ({
      ...{ id, name, status: 'active', paused: false, type: 'full' },
      account: accounts.find((one) => one.id === owner),
    }));
  return page(rows, query, FEW);
}
