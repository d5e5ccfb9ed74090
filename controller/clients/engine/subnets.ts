/**
 * Which subnet a new network gets. The engine's own pools end after about 30 networks, so Berth brings a pool: 1,024
 * subnets of 62 addresses, in a part of 10.0.0.0/8 that home routers, clouds and Kubernetes do not use by default.
 */
const POOL = { first: toNumber('10.213.0.0'), bits: 16 } as const;
const SUBNET_BITS = 26;
const SUBNET_SIZE = 2 ** (32 - SUBNET_BITS);

/**
 * Pure: every /26 of Berth's pool that overlaps none of `engine` (subnets of its networks) and `machine` (subnets of the
 * interfaces), lowest first. A network of the machine that covers the whole pool, a /8 at home, say, can't be avoided:
 * there the narrower subnet wins.
 */
export function* freeSubnets(engine: readonly string[], machine: readonly string[]): Generator<string> {
  const used = [
    ...engine.map(range),
    ...machine.map(range).filter((subnet) => subnet && !coversPool(subnet)),
  ].filter((subnet) => subnet !== undefined);
  const end = POOL.first + 2 ** (32 - POOL.bits);
  for (let first = POOL.first; first < end; first += SUBNET_SIZE) {
    const last = first + SUBNET_SIZE - 1;
    if (!used.some((other) => other.first <= last && first <= other.last))
      yield `${toAddress(first)}/${SUBNET_BITS}`;
  }
}

interface Range {
  readonly first: number;
  readonly last: number;
}

function coversPool({ first, last }: Range): boolean {
  return first <= POOL.first && last >= POOL.first + 2 ** (32 - POOL.bits) - 1;
}

/** Undefined for IPv6, which can't overlap. */
function range(cidr: string): Range | undefined {
  const [address = '', bits] = cidr.split('/');
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(address)) return undefined;
  const size = 2 ** (32 - Number(bits ?? 32));
  const first = Math.floor(toNumber(address) / size) * size;
  return { first, last: first + size - 1 };
}

function toNumber(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}

function toAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
