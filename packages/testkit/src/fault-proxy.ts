import {
  createServer,
  type IncomingMessage,
  request as requestOf,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to one request on its way. */
export type Fault =
  /** Answers without asking the server. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** Cuts the connection before the server hears of the request. */
  | { readonly kind: 'cut-request' }
  /** Has the server do it, and cuts the connection instead of answering. */
  | { readonly kind: 'lose-answer' }
  /** Sends so many bytes of the answer's body, then cuts the connection. */
  | { readonly kind: 'cut-answer'; readonly afterBytes: number }
  /** Sends so many bytes of the answer's body and calls that all of it. */
  | { readonly kind: 'shorten-answer'; readonly toBytes: number }
  /** Holds the request back before the server hears of it. */
  | { readonly kind: 'delay'; readonly ms: number };

export interface SeenRequest {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

interface PlannedFault {
  readonly matches: (request: SeenRequest) => boolean;
  readonly fault: Fault;
}

/**
 * Stands in front of a real HTTP server and breaks requests in the ways planned, each fault once, in order. Everything
 * else goes through as it is, the Host header included, so that signatures stay valid.
 */
export class FaultProxy implements AsyncDisposable {
  /** All requests since the start or the last `forget`. */
  seen: SeenRequest[] = [];
  /** Connections accepted in the same time. */
  connections = 0;
  readonly #server: Server;
  readonly #target: URL;
  #planned: PlannedFault[] = [];
  #inFlight = 0;
  #inFlightMax = 0;

  private constructor(server: Server, target: URL) {
    this.#server = server;
    this.#target = target;
    server.on('connection', () => {
      this.connections++;
    });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#handle(request, response);
    });
  }

  static async start(target: string): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(server, new URL(target));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
    await promise;
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Requests that were at the server or on the way there at the same time, at most. */
  get inFlightMax(): number {
    return this.#inFlightMax;
  }

  /** Faults that nothing has met yet; assert that there are none. */
  get planned(): number {
    return this.#planned.length;
  }

  /** Faults for the next requests that match, one each. */
  plan(matches: (request: SeenRequest) => boolean, ...faults: readonly Fault[]): void {
    this.#planned.push(...faults.map((fault) => ({ matches, fault })));
  }

  forget(): void {
    this.seen = [];
    this.connections = 0;
    this.#planned = [];
    this.#inFlightMax = 0;
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const seen = { method: request.method ?? '', url: request.url ?? '', headers: request.headers };
    this.seen.push(seen);
    this.#inFlight++;
    this.#inFlightMax = Math.max(this.#inFlightMax, this.#inFlight);
    response.once('close', () => {
      this.#inFlight--;
    });
    const index = this.#planned.findIndex(({ matches }) => matches(seen));
    const fault = index < 0 ? undefined : this.#planned.splice(index, 1)[0]?.fault;
    if (fault?.kind === 'cut-request') request.socket.destroy();
    else if (fault?.kind === 'answer') answerWith(fault, { request, response });
    else if (fault?.kind === 'delay') {
      const timer = setTimeout(() => this.#forward(request, { response, fault: undefined }), fault.ms);
      response.once('close', () => clearTimeout(timer));
    } else this.#forward(request, { response, fault });
  }

  #forward(
    request: IncomingMessage,
    { response, fault }: { response: ServerResponse; fault: Fault | undefined },
  ): void {
    const upstream = requestOf(
      {
        host: this.#target.hostname,
        port: this.#target.port,
        method: request.method,
        path: request.url,
        headers: request.headers,
        agent: false,
      },
      (answer) => passOn(answer, { response, fault }),
    );
    upstream.once('error', () => response.destroy());
    response.once('close', () => upstream.destroy());
    request.pipe(upstream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }
}

/** The whole request is read first, so that its sender is not cut off in the middle. */
function answerWith(
  fault: Fault & { kind: 'answer' },
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): void {
  request.resume().once('end', () => {
    response.writeHead(fault.status, fault.headers).end(request.method === 'HEAD' ? '' : fault.body);
  });
}

function passOn(
  answer: IncomingMessage,
  { response, fault }: { response: ServerResponse; fault: Fault | undefined },
): void {
  answer.once('error', () => response.destroy());
  if (fault?.kind === 'lose-answer') {
    answer.resume().once('end', () => response.destroy());
    return;
  }
  const limit =
    fault?.kind === 'cut-answer'
      ? fault.afterBytes
      : fault?.kind === 'shorten-answer'
        ? fault.toBytes
        : undefined;
  const headers = { ...answer.headers };
  if (fault?.kind === 'shorten-answer') headers['content-length'] = String(limit);
  response.writeHead(answer.statusCode ?? 502, headers);
  if (limit === undefined) answer.pipe(response);
  else sendSome(answer, { response, limit, cut: fault?.kind === 'cut-answer' });
}

function sendSome(
  answer: IncomingMessage,
  { response, limit, cut }: { response: ServerResponse; limit: number; cut: boolean },
): void {
  let left = limit;
  answer.on('data', (chunk: Buffer) => {
    if (left === 0) return;
    const piece = chunk.subarray(0, left);
    left -= piece.length;
    const isLast = left === 0;
    response.write(piece, () => {
      if (isLast && cut) response.destroy();
    });
    if (isLast && !cut) response.end();
  });
}
