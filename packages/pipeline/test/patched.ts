import type { Embedded } from '@waybill/embedded';

/** The ports with some functions of some of them replaced; all else is as it was. */
export function withPorts<Name extends 'catalog' | 'store' | 'locks' | 'faults'>(
  ports: Embedded,
  replaced: { [Port in Name]: Partial<Embedded[Port]> },
): Embedded {
  const patched = Object.entries(replaced).map(([name, functions]) => [
    name,
    { value: patch(ports[name as Name], functions as object) },
  ]);
  return Object.create(ports, Object.fromEntries(patched) as PropertyDescriptorMap) as Embedded;
}

function patch<T extends object>(target: T, functions: object): T {
  return new Proxy(target, {
    get: (_target, name) => {
      if (name in functions) return Reflect.get(functions, name) as unknown;
      const found = Reflect.get(target, name) as unknown;
      return typeof found === 'function' ? (found.bind(target) as unknown) : found;
    },
  });
}
