/** `env` and `build.args`: values that reach a process byte for byte, or a refusal. Messages never hold a value. */
import { Scalar } from 'yaml';
import { type Path, show } from './findings.ts';
import { isInherited } from './names.ts';
import { isMisleading, survives } from './scalar.ts';
import type { Scope } from './scope.ts';
import type { Sealed } from './types.ts';
import { variableBytes, variableFault } from './variable.ts';

/** Base64 of the longest variable with all that sealing adds, and room for a text that is mostly line ends. */
const MAX_SEALED_CHARACTERS = 262_144;
/** All of them together: half of what the kernel gives arguments and environment on a common 8 MiB stack. */
const MAX_ENV_BYTES = 1_000_000;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

type Variables = Readonly<Record<string, string | Sealed>>;

/** `listen` is what `PORT` may say, at most. */
export function readEnv(
  raw: Readonly<Record<string, unknown>> | undefined,
  at: Path,
  options: { readonly listen: number | undefined; readonly scope: Scope },
): Variables {
  const env = readVariables(raw ?? {}, at, options.scope);
  const { listen, scope } = options;
  if (env.PORT !== undefined && env.PORT !== String(listen)) {
    const fix = listen === undefined ? 'write `listen` instead' : 'it is `listen`; remove it';
    scope.fail([...at, 'PORT'], `is set by the controller: ${fix}`, 'key');
  }
  if (env.HOST !== undefined && env.HOST !== '0.0.0.0' && env.HOST !== '::') {
    scope.fail(
      [...at, 'HOST'],
      'must be "0.0.0.0" or "::", else nothing outside the container reaches the app',
    );
  }
  return env;
}

/** Names and values as they are written. */
export function readVariables(raw: Readonly<Record<string, unknown>>, at: Path, scope: Scope): Variables {
  const variables: [string, string | Sealed][] = [];
  let bytes = 0;
  for (const name of Object.keys(raw)) {
    const path = [...at, name];
    if (isInherited(name)) scope.fail(path, `must not be called ${show(name)}; choose another name`, 'key');
    const value = readValue(name, scope.scalar(path), (message) => scope.fail(path, message));
    if (value === undefined) continue;
    // A value is shorter than what it is sealed in.
    bytes += variableBytes(name, typeof value === 'string' ? value : value.sealed);
    variables.push([name, value]);
  }
  if (bytes > MAX_ENV_BYTES) {
    scope.fail(
      at,
      `is ${bytes} bytes in all; at most ${MAX_ENV_BYTES} are allowed: use a volume or the image`,
      'key',
    );
  }
  return Object.fromEntries(variables);
}

function readValue(
  name: string,
  scalar: Scalar | undefined,
  fail: (message: string) => void,
): string | Sealed | undefined {
  const { value } = scalar ?? {};
  if (scalar?.tag === '!sealed') return readSealed(String(value), fail);
  if (typeof value === 'string') {
    const fault = variableFault(name, value);
    if (fault !== undefined) return refuse(fail, fault);
    if (scalar?.type !== Scalar.PLAIN || !isMisleading(value)) return value;
    return refuse(fail, 'reads as a boolean or a date to other YAML readers; quote it');
  }
  if (survives(value, scalar?.source ?? '')) return String(value);
  if (value === null) return refuse(fail, 'has no value; quote it: "" is empty text, "null" the word');
  return refuse(fail, 'would be changed by YAML; quote it');
}

function readSealed(sealed: string, fail: (message: string) => void): Sealed | undefined {
  if (sealed.length > MAX_SEALED_CHARACTERS)
    return refuse(fail, `is over ${MAX_SEALED_CHARACTERS} characters long: seal a shorter value`);
  if (sealed !== '' && BASE64.test(sealed)) return { sealed };
  return refuse(fail, 'is not a sealed value (base64 on one line); make one with `berth seal`');
}

function refuse(fail: (message: string) => void, message: string): undefined {
  fail(message);
}
